"""Writing a programme: the editor that lints as one types, and what one version changes of another."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import faults, rulebook
from hesuan.hub.console.access import public, signed_in
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import drafting, selectors, services
from hesuan.hub.programmes.models import ProgrammeVersion

PART = "console/parts/draft_said.html"


@signed_in
def new(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The editor with an empty text, or with the text of a programme that ships."""
    offices = offices_of(actor)
    if not offices:
        raise NotFound(NO_PAGE, path=request.path)
    asked = request.GET.get("from", "")
    text = drafting.shipped_text(asked)
    if asked and not text:
        raise NotFound(NO_PAGE, path=request.get_full_path())
    return _editor(request, actor, text, offices, {"shipped": drafting.shipped(), "start": asked})


@signed_in
def edit(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """The editor with a version's text under the next free number."""
    found = selectors.programme(actor, programme_id)
    offices = [one for one in offices_of(actor) if one.id == found.office_id]
    if not offices:
        raise NotFound(NO_PAGE, path=request.path)
    versions = selectors.versions(actor, programme_id)
    version = chosen(versions, request.GET.get("version", ""), request.path)
    text = drafting.raised(version, versions[0].version)
    return _editor(request, actor, text, offices, {"programme": found, "version": version})


def _editor(
    request: HttpRequest, actor: Actor, text: str, offices: list[Organisation], context: dict[str, object]
) -> HttpResponse:
    """Checks what was typed, and keeps it where that was asked for and the schema can read it.

    HTMX asks for the findings alone; without JavaScript the check is a button that answers with the page.
    """
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        text = request.POST.get("text", "").replace("\r\n", "\n")
    examined = drafting.examine(text)
    if request.method == "POST" and request.POST.get("verb") == "save":
        status = 200 if examined.readable else 422
        try:
            if examined.readable:
                return _save(actor, examined, request.POST.get("office", "") or offices[0].id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    context |= {
        "text": text,
        "offices": offices,
        "office": request.POST.get("office", ""),
        "faults": wrong,
        **_said(examined),
    }
    if request.headers.get("HX-Request"):
        return render(request, PART, context)
    return render(request, "console/editor.html", context, status=status)


def _save(actor: Actor, examined: drafting.Examined, office_id: str) -> HttpResponse:
    version = services.load_programme(
        actor=actor, text=examined.text, source_name=examined.source_name, office_id=office_id
    )
    address = reverse("console:programme", args=[version.programme_id])
    return redirect(f"{address}?version={version.version}")


def _said(examined: drafting.Examined) -> dict[str, object]:
    return {
        "examined": examined,
        "unreadable": not examined.readable,
        "findings": rulebook.findings(examined.findings),
        "lines": rulebook.rule_lines(examined.text, examined.findings, decided=examined.readable),
    }


@public
def compare(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """What a later version changes of an earlier one; without numbers the newest two."""
    found = selectors.programme(actor, programme_id)
    versions = selectors.versions(actor, programme_id)
    after = chosen(versions, request.GET.get("to", ""), request.path, newest=True)
    earlier = [one for one in versions if one.version < after.version] or [after]
    before = chosen(versions, request.GET.get("from", "") or str(earlier[0].version), request.path)
    context = {
        "programme": found,
        "versions": versions,
        "before": before,
        "after": after,
        "difference": drafting.difference(actor, before.id, after.id),
    }
    return render(request, "console/compare.html", context)


def chosen(
    versions: list[ProgrammeVersion], asked: str, path: str, *, newest: bool = False
) -> ProgrammeVersion:
    """The version asked for by number, else the active one (or the newest, where that is wanted).

    Raises:
        NotFound: ``console.no_such_page``, for a number that is none of these.
    """
    if asked:
        for one in versions:
            if str(one.version) == asked:
                return one
        raise NotFound(NO_PAGE, path=f"{path}?version={asked}")
    active = [one for one in versions if one.state == ProgrammeVersion.State.ACTIVE and not newest]
    return (active or versions)[0]


def offices_of(actor: Actor) -> list[Organisation]:
    """The offices in which this person writes programmes."""
    return [one for one in identity.organisations(actor) if actor.has("programme_officer", one.id)]
