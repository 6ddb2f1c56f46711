"""What a document's ``audit`` says that somebody acts on: how much is sampled, how long records stay open.

The rest of the section is kept as written. The draw is pure too, so that anybody can make it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from hashlib import sha256

from hesuan.errors import InputFault
from hesuan.money import parse_ratio
from hesuan.policy.articles import parse_validity
from hesuan.policy.fields import UNKNOWN, Fields
from hesuan.policy.nodes import Plain
from hesuan.policy.sections import NOT_A_VALUE
from hesuan.policy.terms import Validity

DOMAIN = b"hesuan-sample-v1\n"


def read(fields: Fields) -> dict[str, Plain]:
    """The section as written; a share or a retention that cannot be read is a fault of the document."""
    kept = fields.recorded("audit")
    place = fields.reading.places.get(fields.path_of("audit"))
    where = fields.reading.where(place) if place else fields.path_of("audit")
    try:
        share = _said(kept, "sample_share")
        if share is not None and parse_ratio(share, where=where) > 1:
            raise InputFault(NOT_A_VALUE, where=where, value=share, expected="a share of at most 1/1")
        kept_for = _said(kept, "retention")
        if kept_for is not None:
            parse_validity(kept_for, where)
    except InputFault as fault:
        fields.reading.fault(fault)
    return kept


def sample_share(audit: Mapping[str, Plain]) -> Fraction:
    """How much of what is verified is looked into again; 0 where the document does not say."""
    said = _said(audit, "sample_share")
    return Fraction(0) if said is None else parse_ratio(said)


def retention(audit: Mapping[str, Plain]) -> Validity | None:
    """How long what was paid stays open to an audit; ``None`` where the document does not say."""
    said = _said(audit, "retention")
    return None if said is None else parse_validity(said, "audit.retention")


def drawn_number(seed: str, subject: str) -> Fraction:
    """The number from 0 to 1 that a subject draws under a seed; below the share it is in the sample.

    Args:
        seed: On record, known only after the subject was fixed.
        subject: What is drawn for, such as a claim's id.

    >>> drawn_number("a", "x") == drawn_number("a", "x") != drawn_number("b", "x")
    True
    """
    told = sha256(DOMAIN + seed.encode() + b"\n" + subject.encode()).digest()
    return Fraction(int.from_bytes(told), 1 << 256)


def _said(audit: Mapping[str, Plain], key: str) -> str | None:
    section = audit.get("audit")
    value = section.get(key) if isinstance(section, dict) else None
    return value if isinstance(value, str) and value != UNKNOWN else None
