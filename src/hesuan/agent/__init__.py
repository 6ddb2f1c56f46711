"""The site agent: the only part of Hesuan that a centre installs.

It speaks outward only, starts runs on the centre's own engine, and reports states and usage through a
durable spool. Four parts that do not know each other meet in ``agent``::

    detect, manifests   what this site has and can run
    schedulers/         one contract, several engines; each run is started at most once, ever
    spool               what must reach the hub, and what the hub has asked, on disk before it counts
    uplink              the one door outward; a hub that is away for minutes is nothing special

Between any two durable writes the agent may be killed: on restart it finds the same work and ends the same.
"""
