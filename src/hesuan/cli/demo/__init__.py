"""``hesuan demo``: the whole road once, with real processes on this machine.

``stage`` starts and ends the hub and the agent, ``people`` is the cast, ``story`` walks the seven verbs
over the public API, ``telling`` prints what came of it. The journeys' tests stand on the same stage.
"""
