"""A programme office with as many people as a test needs, and a programme that asks for as many steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.people import Person, make_person, signer

from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Application, ApplicationStep, ProgrammeVersion

from .conftest import HENAN

LINE = 'transferable: "?"}'


def henan_with(issuance: str = "", *, conditions: str = "") -> str:
    """Henan's document with more keys under ``issuance``, and more sections at its end."""
    text = HENAN.replace(LINE, f'transferable: "?", {issuance}' + "}") if issuance else HENAN
    assert issuance in text
    return text + conditions


def activate(officer: Person, text: str) -> ProgrammeVersion:
    """The document, active."""
    draft = services.load_programme(actor=officer.actor, text=text, source_name="henan.yaml")
    return services.activate(actor=signer(officer).actor, version_id=draft.id)


@dataclass
class Case:
    """One application and the people who may act on it."""

    version: ProgrammeVersion
    owner: Person
    officer: Person
    people: dict[str, Person] = field(default_factory=dict)
    id: str = ""

    def person(self, name: str, role: str) -> Person:
        """Somebody of the office, made on first use."""
        if name not in self.people:
            self.people[name] = make_person(name, self.officer.organisation, role)
        return self.people[name]

    def apply(self, **more: Any) -> Application:
        told: dict[str, Any] = {"planned_fen": 100_000, "facts": {}, **more}
        made = services.apply(
            actor=self.owner.actor,
            organisation_id=self.owner.organisation.id,
            version_id=self.version.id,
            **told,
        )
        self.id = made.id
        return made

    def review(self, name: str, verdict: str = "pass", note: str = "because") -> Application:
        actor = self.person(name, "reviewer").actor
        return services.review(actor=actor, application_id=self.id, verdict=verdict, note=note)

    def approve(self, name: str, verdict: str = "pass", note: str = "because", **more: Any) -> Application:
        actor = self.person(name, "approver").actor
        return services.approve(actor=actor, application_id=self.id, verdict=verdict, note=note, **more)

    def issue(self) -> object:
        return services.issue(actor=self.officer.actor, application_id=self.id)

    @property
    def now(self) -> Application:
        """As it stands."""
        return Application.objects.get(pk=self.id)

    def road(self) -> list[str]:
        """Its transitions: ``state by trigger``."""
        rows = ApplicationStep.objects.filter(application_id=self.id).order_by("number")
        return [f"{row.to_state} by {row.trigger}" for row in rows]
