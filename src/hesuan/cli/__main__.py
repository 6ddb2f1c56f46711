"""``python -m hesuan.cli``, for where the ``hesuan`` script is not on the path."""

from __future__ import annotations

import sys

from hesuan.cli.main import main

sys.exit(main())
