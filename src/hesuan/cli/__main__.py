"""``python -m hesuan.cli``, for where the ``hesuan`` script is not on the path."""

from __future__ import annotations

import sys

from hesuan.cli.main import main

if __name__ == "__main__":  # a process of a sweep imports its parent's main module again
    sys.exit(main())
