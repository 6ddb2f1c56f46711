"""What an applicant does: apply by a form made from the rules, look first, complete what was returned."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import applyform, faults
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import asking, selectors, services
from hesuan.hub.programmes.asking import AskedFact
from hesuan.hub.programmes.models import Application, ProgrammeVersion
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry import selectors as registry
from hesuan.hub.registry import services as recording

WRITABLE = (Application.State.DRAFT, Application.State.RETURNED)
Found = dict[str, tuple[faults.FaultLine, ...]]


def applicants(actor: Actor) -> list[Organisation]:
    """The organisations for which this person may apply."""
    if not actor.has("owner"):
        return []
    return [one for one in identity.organisations(actor) if actor.has("owner", one.id)]


@signed_in
def apply(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """The form of an application; what is wrong stands beside its field, all of it at once."""
    version = selectors.active_version(actor, programme_id)
    if version is None:
        selectors.programme(actor, programme_id)
        raise NotFound(NO_PAGE, path=request.path)
    mine = applicants(actor)
    asked_for = request.POST.get("organisation") or request.GET.get("organisation") or ""
    chosen = next((one for one in mine if one.id == asked_for), mine[0] if mine else None)
    texts = applyform.typed(request.POST, chosen.id if chosen else "")
    return _form(request, actor, version, texts, {"organisations": mine, "chosen": chosen})


@signed_in
def amend(request: HttpRequest, actor: Actor, *, application_id: str) -> HttpResponse:
    """The same form for a draft, or for what was returned, with the reason above it."""
    application = selectors.application(actor, application_id)
    owner = actor.has("owner", application.organisation_id)
    if application.state not in WRITABLE or not owner:
        raise NotFound(NO_PAGE, path=request.path)
    said = applyform.written(application.planned_fen, application.declared, application.organisation_id)
    texts = applyform.typed(request.POST, application.organisation_id) if request.method == "POST" else said
    texts |= {"application_id": application.id, "organisation": application.organisation_id}
    context = {
        "organisations": [application.organisation],
        "chosen": application.organisation,
        "application": application,
        "waits": selectors.waiting_on(application),
    }
    return _form(request, actor, application.programme_version, texts, context)


def _form(
    request: HttpRequest,
    actor: Actor,
    version: ProgrammeVersion,
    texts: dict[str, str],
    context: dict[str, Any],
) -> HttpResponse:
    organisation: Organisation | None = context["chosen"]
    asked = _asked(actor, version, organisation)
    found: Found = {}
    status, decision = 200, None
    if request.method == "POST" and organisation is not None:
        try:
            values = _checked(actor, version, texts, asked)
            if request.POST.get("verb") == "preview":
                decision = _preview(actor, version, values)
            else:
                made = _carry_out(request, actor, version, values, context.get("application"))
                return redirect("console:application", application_id=made.id)
        except (HesuanError, Faults) as error:
            found = applyform.by_field(error, [applyform.FACT + one.name for one in asked])
            status = faults.status(error)
    context |= {
        "version": version,
        "asked": asked,
        "form": applyform.ApplyForm(texts, found),
        "decision": decision,
        "calls": _open_calls(version),
        **_evidence(request, actor, version, organisation),
    }
    return render(request, "console/apply.html", context, status=status)


def _asked(actor: Actor, version: ProgrammeVersion, organisation: Organisation | None) -> list[AskedFact]:
    if organisation is None:
        return []
    return asking.asked_facts(actor, version_id=version.id, organisation_id=organisation.id)


def _checked(
    actor: Actor, version: ProgrammeVersion, texts: dict[str, str], asked: list[AskedFact]
) -> applyform.Values:
    """The arguments; every fault of amount and facts together."""
    wrong: list[Any] = []
    values = None
    try:
        values = applyform.values(texts, asked)
    except Faults as error:
        wrong += error.faults
    try:
        asking.check_facts(
            actor,
            version_id=version.id,
            organisation_id=texts["organisation"],
            facts=values["facts"] if values else applyform.readable_facts(texts, asked),
        )
    except Faults as error:
        wrong += error.faults
    if wrong or values is None:
        raise Faults(wrong)
    return values


def _preview(actor: Actor, version: ProgrammeVersion, values: applyform.Values) -> dict[str, Any]:
    return asking.preview(
        actor=actor,
        organisation_id=values["organisation_id"],
        version_id=version.id,
        planned_fen=values["planned_fen"],
        facts=values["facts"],
    )


def _carry_out(
    request: HttpRequest,
    actor: Actor,
    version: ProgrammeVersion,
    values: applyform.Values,
    before: Application | None,
) -> Application:
    """Keeps what was typed; submits it unless only keeping was asked for; opens the chosen documents."""
    keep_only = request.POST.get("verb") == "keep"
    if before is not None:
        made = services.amend(
            actor=actor,
            application_id=before.id,
            planned_fen=values["planned_fen"],
            facts=values["facts"],
        )
        if not keep_only:
            made = services.submit(actor=actor, application_id=before.id)
    elif keep_only:
        made = services.draft(actor=actor, version_id=version.id, **values)
    else:
        made = services.apply(actor=actor, version_id=version.id, **values)
    if not keep_only:
        for document_id in request.POST.getlist("document"):
            recording.open_document(
                actor=actor,
                document_id=document_id,
                office_id=version.programme.office_id,
                because=f"application:{made.id}",
            )
    return made


def _evidence(
    request: HttpRequest, actor: Actor, version: ProgrammeVersion, organisation: Organisation | None
) -> dict[str, Any]:
    """What has to be proved and how it stands; the documents that may be opened to the office."""
    if organisation is None:
        return {"proofs": [], "documents": [], "opened": []}
    return {
        "proofs": asking.asked_proofs(actor, version_id=version.id, organisation_id=organisation.id),
        "documents": registry.documents(actor, organisation.id),
        "opened": request.POST.getlist("document"),
    }


def _open_calls(version: ProgrammeVersion) -> list[Any]:
    """The version's calls that take applications today."""
    today = programme_day(timezone.now())
    return [one for one in selectors.open_calls(today) if one.programme_version_id == version.id]
