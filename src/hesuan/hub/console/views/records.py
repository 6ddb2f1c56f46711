"""What is on record of an organisation: documents, facts with their validity, relations, aid; checking it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from hesuan.errors import Faults, HesuanError, InputFault, NotFound
from hesuan.hub.console import entryform, faults
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.uploads import sent_file
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry import file_types, rules, selectors, services, standing
from hesuan.hub.registry.models import AidEntry, OrganisationFact, Relation

KINDS = {OrganisationFact: "fact", Relation: "relation", AidEntry: "aid"}


@signed_in
def records(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What waits to be checked by this person, and the organisations whose record is theirs to see."""
    context = {
        "waiting": [{"entry": one, "kind": KINDS[type(one)]} for one in selectors.waiting(actor)],
        "organisations": identity.organisations(actor),
    }
    return render(request, "console/records.html", context)


@signed_in
def record(request: HttpRequest, actor: Actor, *, organisation_id: str) -> HttpResponse:
    """All that is on record of one organisation; its owner enters, an office checks."""
    found = selectors.organisation(actor, organisation_id)
    error: HesuanError | Faults | None = None
    verb = request.POST.get("verb", "")
    if request.method == "POST":
        try:
            _act(request, actor, found, verb)
            return redirect("console:record", organisation_id=found.id)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    context = _on_record(actor, found) | _forms(request, actor, found, verb, error)
    status = faults.status(error) if error else 200
    return render(request, "console/record.html", context, status=status)


@signed_in
def document(request: HttpRequest, actor: Actor, *, document_id: str) -> HttpResponse:  # noqa: ARG001 - as every page
    """The file itself, to be saved: an attachment that no browser shows or runs."""
    found = selectors.download(actor, document_id)
    return HttpResponse(found.content, headers=found.headers)


def _on_record(actor: Actor, found: Organisation) -> dict[str, object]:
    held = standing.facts_of(found.id, programme_day(timezone.now()))
    relations = selectors.relations(actor, found.id)
    aid = selectors.aid(actor, found.id)
    entries = [*selectors.facts(actor, found.id), *relations, *aid]
    clerk = selectors.may_check(actor, found)
    return {
        "organisation": found,
        "holds": list(held.holds.values()),
        "stale": held.stale,
        "relations": relations,
        "aid": aid,
        "documents": selectors.documents(actor, found.id),
        "openings": selectors.openings(actor, found.id),
        "people": identity.names({one.entered_by for one in entries}),
        "entered_by": {one.id: one.entered_by for one in entries},
        "may_check": clerk,
        "may_enter": actor.has("owner", found.id) or clerk,
    }


def _forms(
    request: HttpRequest, actor: Actor, found: Organisation, verb: str, error: HesuanError | Faults | None
) -> dict[str, object]:
    documents = selectors.documents(actor, found.id)
    sent = {name: str(value) for name, value in request.POST.items()}
    empty = {"valid_from": programme_day(timezone.now()).isoformat()}
    drawn = {
        name: entryform.drawn(
            name, documents, sent if verb == name else empty, error if verb == name else None
        )
        for name in entryform.FORMS
    }
    beside = error is not None and verb in entryform.FORMS
    left = entryform.by_field(verb, error).get("", ()) if beside and error else ()
    return {
        "forms": drawn,
        "opened": verb if error else "",
        "faults": left if beside else faults.lines(error) if error else (),
        "known_files": " ".join(file_types.EXTENSIONS),
        "accept": ",".join(file_types.EXTENSIONS),
        "limit_bytes": settings.UPLOAD_MAX_BYTES,
        "may_upload": _may_upload(actor, found),
    }


def _may_upload(actor: Actor, found: Organisation) -> bool:
    try:
        services.may_upload(actor, found.id)
    except HesuanError:
        return False
    return True


# --- What a form asks for ---


def _act(request: HttpRequest, actor: Actor, found: Organisation, verb: str) -> None:
    acts: dict[str, Callable[[HttpRequest, Actor, Organisation], None]] = {
        "upload": _upload,
        "fact": _enter_fact,
        "relation": _enter_relation,
        "aid": _enter_aid,
        "step": _step,
    }
    if verb not in acts:
        raise NotFound(NO_PAGE, path=request.path)
    acts[verb](request, actor, found)


def _upload(request: HttpRequest, actor: Actor, found: Organisation) -> None:
    name, media_type, content = sent_file(request)
    services.upload(
        actor=actor,
        organisation_id=found.id,
        file_name=name,
        media_type=media_type,
        content=content,
        document_id=request.POST.get("id") or None,
    )


def _enter_fact(request: HttpRequest, actor: Actor, found: Organisation) -> None:
    wrong: list[InputFault] = []
    proof = entryform.proof(request.POST, wrong)
    _raise(wrong)
    name = request.POST.get("name", "")
    services.enter_fact(
        actor=actor,
        organisation_id=found.id,
        name=name,
        value=entryform.fact_value(name, request.POST.get("value", "")),
        proof=proof,
        entry_id=request.POST.get("id") or None,
    )


def _enter_relation(request: HttpRequest, actor: Actor, found: Organisation) -> None:
    wrong: list[InputFault] = []
    proof = entryform.proof(request.POST, wrong)
    _raise(wrong)
    services.enter_relation(
        actor=actor,
        organisation_id=found.id,
        kind=request.POST.get("kind", ""),
        value=request.POST.get("value", ""),
        holder=request.POST.get("holder", ""),
        ratio_percent=request.POST.get("ratio_percent", "").strip(),
        proof=proof,
        entry_id=request.POST.get("id") or None,
    )


def _enter_aid(request: HttpRequest, actor: Actor, found: Organisation) -> None:
    wrong: list[InputFault] = []
    proof = entryform.proof(request.POST, wrong)
    amount_fen = entryform.amount(request.POST.get("amount", ""), wrong)
    _raise(wrong)
    told = ("authority", "programme", "scope", "contract_number", "invoice_number", "project_number")
    services.enter_aid(
        actor=actor,
        organisation_id=found.id,
        amount_fen=amount_fen,
        proof=proof,
        entry_id=request.POST.get("id") or None,
        **{name: request.POST.get(name, "").strip() for name in told},
    )


def _step(request: HttpRequest, actor: Actor, found: Organisation) -> None:
    entry = selectors.entry(actor, request.POST.get("entry", ""))
    if entry.organisation_id != found.id:
        raise NotFound(NO_PAGE, path=request.path)
    to = request.POST.get("to", rules.CHECKED)
    services.take_step(actor=actor, entry_id=entry.id, to=to, reason=request.POST.get("reason", ""))


def _raise(wrong: list[InputFault]) -> None:
    if wrong:
        raise Faults(wrong)
