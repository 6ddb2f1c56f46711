"""The one visible table: which handler takes which message, and which handler takes which fact."""

from __future__ import annotations
