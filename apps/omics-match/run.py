"""The application's command; ``--help`` lists its words.

Ends with 0 when the recall reaches what was required, with 3 when it does not: a job that has run but
answered wrongly has failed.
"""

from __future__ import annotations

import os
import sys


def main(argv: list[str]) -> int:
    """Settles the threads before NumPy is loaded, then runs."""
    # Threads are ours, one a core; a second layer of them inside the products would only get in the way.
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    from omics_match import command

    return command.main(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
