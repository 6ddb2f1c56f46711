"""Where the migrations of this room and the gateway's look for :mod:`hesuan.hub.audit.append_only`."""

from __future__ import annotations

from hesuan.hub.audit.append_only import History, statements

__all__ = ["History", "statements"]
