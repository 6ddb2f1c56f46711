"""Run by itself on an empty database: rows as they were before steps and counts, then every migration since.

Prints what became of them, as JSON. A process of its own, since migrations speak to the default database.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import django
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("programmes", "0003_applications_by_steps"), ("ledger", "0002_append_only")]
SINCE = [("programmes", "0007_voucher_life_kept")]
AT = datetime(2026, 3, 31, 17, 30, tzinfo=UTC)
"""Half past one of 1 April where the programme is."""


def migrate(targets: list[tuple[str, str]]) -> Any:
    """Brings the database there; the models of that moment."""
    executor = MigrationExecutor(connection)
    return executor.migrate(targets).apps


def fill(apps: Any) -> None:
    """An office, an active version, an applicant with a voucher, one still under review."""
    make = {
        name: apps.get_model(*name.split(".")).objects.create
        for name in (
            "identity.Organisation",
            "programmes.Programme",
            "programmes.ProgrammeVersion",
            "programmes.BudgetYear",
            "programmes.Application",
            "programmes.Voucher",
            "ledger.Account",
            "ledger.Attempt",
            "ledger.Transfer",
        )
    }
    office = make["identity.Organisation"](id="O", name="Office", kind="office", created_at=AT)
    firm = make["identity.Organisation"](id="F", name="Firm", kind="enterprise", created_at=AT)
    programme = make["programmes.Programme"](id="cn.old", created_at=AT, office=office)
    version = make["programmes.ProgrammeVersion"](
        id="V", programme=programme, version=1, text="old", digest="sha256:0", title="Old", issuer="Old",
        state="active", loaded_by="a", loaded_at=AT, activated_by="b", activated_at=AT,
    )  # fmt: skip
    make["programmes.BudgetYear"](programme=programme, budget="year", window="2026", funded_fen=1_000)
    told = {
        "organisation": firm, "programme_version": version, "planned_fen": 5_000, "decision": {},
        "facts": {"applicant.kind": "enterprise", "project.level": "national"},
        "submitted_by": "s", "submitted_at": AT,
    }  # fmt: skip
    seen = {"reviewed_by": "r", "reviewed_at": AT, "review_note": "seen"}
    agreed = {"approved_by": "p", "approved_at": AT, "approval_note": "agreed"}
    issued = make["programmes.Application"](id="A1", state="APPROVED", **told, **seen, **agreed)
    make["programmes.Application"](id="A2", state="REVIEWED", **told, **seen)
    make["programmes.Voucher"](
        id="W", code="HS-OLD", face_fen=1_000, issued_by="i", issued_at=AT, application=issued,
        organisation=firm, programme_version=version,
    )  # fmt: skip
    limit, counted = (
        make["ledger.Account"](ledger="caps:cn.old", key=key, kind="cap", may_overdraw=True)
        for key in ("cap:year:F:2026", "counted")
    )
    for name in ("count:A1:year", "count:A2:year"):
        make["ledger.Attempt"](id=name, digest="sha256:0", result="ok", at=AT)
        make["ledger.Transfer"](
            id=name, kind="transfer", amount_fen=1_000, code="issue", journal="j", at=AT, debit=limit,
            credit=counted,
        )  # fmt: skip


def refused(sql: str) -> bool:
    """Whether the database refuses a statement."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except DatabaseError:
        return True
    return False


def told(apps: Any) -> dict[str, Any]:
    """What is there now."""

    def rows(model: str, order: str, *names: str) -> list[list[Any]]:
        found = apps.get_model("programmes", model).objects.order_by(order).values_list(*names)
        return [[str(one) if isinstance(one, datetime) else one for one in row] for row in found]

    return {
        "vouchers": rows("Voucher", "id", "id", "state", "face_fen"),
        "voucher_steps": rows(
            "VoucherStep", "id", "from_state", "to_state", "trigger", "detail", "actor", "amount_fen"
        ),
        "counts": [
            [*row[:-1], row[-1].isoformat()]
            for row in rows("Count", "id", "id", "rule", "counts", "account", "amount_fen", "day")
        ],
        "applications": rows("Application", "id", "id", "state", "passed"),
        "calls": rows("Call", "id", "budget", "opened_by"),
        "steps_of_2": rows("ApplicationStep", "number", "application_id", "trigger"),
        "refused": {
            name: refused(sql)
            for name, sql in {
                "face": "UPDATE programmes_voucher SET face_fen = 1 WHERE id = 'W'",
                "step": "UPDATE programmes_voucherstep SET amount_fen = 1",
                "count": "DELETE FROM programmes_count",
                "nothing": "UPDATE programmes_voucher SET state = 'ACTIVE' WHERE id = 'W'",
            }.items()
        },
    }


def main() -> None:
    """From old rows to the migration's own."""
    django.setup()
    before = migrate(BEFORE)
    if "empty" not in sys.argv:
        fill(before)
    print(json.dumps(told(migrate(SINCE))))


if __name__ == "__main__":
    main()
