"""What happened before steps were rows: each application's columns tell them, and each active version a call.

``REVIEWED`` becomes ``UNDER_REVIEW`` with one step passed. Nothing is taken away.
"""

from __future__ import annotations

from datetime import timedelta, timezone

from django.db import migrations

from hesuan.wire.ids import new_id

CHINA = timezone(timedelta(hours=8))
FROM_REGISTRY = (
    "applicant.id",
    "applicant.kind",
    "applicant.registered_in",
    "applicant.is_admitted_supplier",
)


def tell(apps, _schema_editor):
    models = {
        name: apps.get_model("programmes", name) for name in ("Application", "ApplicationStep", "Voucher")
    }
    vouchers = {one.application_id: one for one in models["Voucher"].objects.all()}
    for application in models["Application"].objects.all():
        steps = list(_steps(application, vouchers.get(application.pk)))
        before = ""
        for number, (to, trigger, part, actor, reason, at) in enumerate(steps, 1):
            models["ApplicationStep"].objects.create(
                application=application,
                number=number,
                round=1,
                from_state=before,
                to_state=to,
                trigger=trigger,
                part=part,
                actor=actor,
                reason=reason,
                at=at,
            )
            before = to
        application.state = before
        application.passed = sum(trigger.endswith(".pass") for _, trigger, *_ in steps)
        application.declared = {
            name: value for name, value in application.facts.items() if name not in FROM_REGISTRY
        }
        application.save(update_fields=["state", "passed", "declared"])


def _steps(one, voucher):
    yield "DRAFT", "draft", "", one.submitted_by, "", one.submitted_at
    yield "SUBMITTED", "submit", "author", one.submitted_by, "", one.submitted_at
    if one.reviewed_at is not None:
        rejected = one.state == "REJECTED" and one.approved_at is None
        to, said = ("REJECTED", "reject") if rejected else ("UNDER_REVIEW", "pass")
        yield to, f"review.{said}", "reviewer", one.reviewed_by, one.review_note, one.reviewed_at
    if one.approved_at is not None:
        to, said = ("REJECTED", "reject") if one.state == "REJECTED" else ("APPROVED", "pass")
        yield to, f"approve.{said}", "approver", one.approved_by, one.approval_note, one.approved_at
    if voucher is not None:
        yield "ISSUED", "issue", "", voucher.issued_by, "", voucher.issued_at


def open_calls(apps, _schema_editor):
    call, budget_year = apps.get_model("programmes", "Call"), apps.get_model("programmes", "BudgetYear")
    application = apps.get_model("programmes", "Application")
    for version in apps.get_model("programmes", "ProgrammeVersion").objects.filter(state="active"):
        budget = budget_year.objects.filter(programme_id=version.programme_id, closed_at=None).first()
        made = call.objects.create(
            id=new_id(),
            programme_version=version,
            budget=budget.budget if budget else "",
            opens_on=version.activated_at.astimezone(CHINA).date(),
            opened_by=version.activated_by,
            opened_at=version.activated_at,
        )
        application.objects.filter(programme_version=version).update(call=made)


class Migration(migrations.Migration):
    dependencies = [("programmes", "0003_applications_by_steps")]
    operations = [
        migrations.RunPython(tell, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(open_calls, migrations.RunPython.noop, elidable=False),
    ]
