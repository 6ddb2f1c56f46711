"""Programmes: their rules as text, activating a version, admitting suppliers, applying for a voucher."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError
from hesuan.hub.centres import selectors as centres
from hesuan.hub.console import admissiondesk, faults, rulebook
from hesuan.hub.console.access import public
from hesuan.hub.console.views import office
from hesuan.hub.console.views.applying import applicants
from hesuan.hub.console.views.drafts import chosen, offices_of
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import drafting, selectors, services
from hesuan.hub.programmes.entitling import is_claimed_after_use
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.programmes.versions import may_activate


@public
def programmes(request: HttpRequest, actor: Actor) -> HttpResponse:
    """One line for each programme: its active version, or else its newest."""
    shown: dict[str, ProgrammeVersion] = {}
    for one in selectors.versions(actor):
        if one.programme_id not in shown or one.state == ProgrammeVersion.State.ACTIVE:
            shown[one.programme_id] = one
    rows = [
        {"version": one, "open_count": sum(line.blocks for line in selectors.findings(actor, one.id))}
        for one in shown.values()
    ]
    context = {"rows": rows, "may_write": bool(offices_of(actor))}
    return render(request, "console/programmes.html", context)


@public
def programme(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """The rules as text; officers admit centres here, approvers activate a version."""
    found = selectors.programme(actor, programme_id)
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        try:
            _act(request, actor, programme_id)
            return redirect(request.get_full_path())
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
            if status == 404:
                raise
    versions = selectors.versions(actor, programme_id)
    version = chosen(versions, request.GET.get("version", ""), request.path)
    said = selectors.findings(actor, version.id)
    officer = actor.has("programme_officer", found.office_id)
    admissions = selectors.admissions(actor, programme_id)
    may_ask = version.state == ProgrammeVersion.State.ACTIVE and bool(applicants(actor))
    after_use = is_claimed_after_use(version.id)
    context = {
        "programme": found,
        "version": version,
        "versions": versions,
        "lines": rulebook.rule_lines(version.text, said),
        "findings": rulebook.findings(said),
        "blocking": sum(line.blocks for line in said),
        "admissions": admissions,
        "budget": selectors.budget(actor, programme_id),
        "may_apply": may_ask and not after_use,
        "claims_after_use": may_ask and after_use,
        "interpretations": drafting.interpretations(actor, version.id),
        "people": identity.names(
            [one for row in versions for one in (row.loaded_by, row.activated_by) if one]
        ),
        "may_write": officer,
        "is_office": office.sees_budget(actor, found),
        "may_activate": may_activate(actor, version),
        "waits_for_approver": officer and version.state == ProgrammeVersion.State.DRAFT,
        "candidates": centres.centres(actor) if officer else [],
        "items": admissiondesk.ITEMS,
        "faults": wrong,
    }
    return render(request, "console/programme.html", context, status=status)


def _act(request: HttpRequest, actor: Actor, programme_id: str) -> None:
    if not admissiondesk.act(actor, programme_id, request.POST.dict()):
        services.activate(actor=actor, version_id=request.POST.get("version_id", ""))
