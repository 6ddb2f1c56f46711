"""The registry's verbs, each in one transaction, safe to call twice with the same id."""

from __future__ import annotations

from hesuan.hub.registry.documents import may_upload, open_document, open_record, upload

__all__ = ["may_upload", "open_document", "open_record", "upload"]
