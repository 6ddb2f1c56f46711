"""The registry's verbs, each in one transaction, safe to call twice with the same id."""

from __future__ import annotations

from hesuan.hub.registry.documents import may_upload, open_document, open_record, upload
from hesuan.hub.registry.entries import (
    Proof,
    enter_aid,
    enter_fact,
    enter_relation,
    note_number,
)
from hesuan.hub.registry.steps import take_step

__all__ = [
    "Proof",
    "enter_aid",
    "enter_fact",
    "enter_relation",
    "may_upload",
    "note_number",
    "open_document",
    "open_record",
    "take_step",
    "upload",
]
