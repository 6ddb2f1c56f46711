"""What every test shares: settings for tests, and three people (owner, colleague, stranger)."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("HESUAN_MODE", "test")
os.environ.setdefault("HESUAN_DATA_DIR", tempfile.mkdtemp(prefix="hesuan-test-"))
