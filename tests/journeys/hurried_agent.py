"""Runs ``hesuan`` as usual, with an agent that waits for less: a poll 3 s, the next one after 1 s at most.

    python -m tests.journeys.hurried_agent agent run …

So a hub can be away for longer than a poll without a test that takes minutes.
"""

from __future__ import annotations

import sys

POLL_S, BACK_OFF_S = 3, 1.0


def main() -> int:
    from hesuan.agent import agent, uplink
    from hesuan.cli.main import main as hesuan

    vars(uplink).update(LARGEST_WAIT_S=POLL_S, BACK_OFF_LONGEST_S=BACK_OFF_S)
    vars(agent).update(LARGEST_WAIT_S=POLL_S)
    return hesuan(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
