"""What an application waits on: whom, since when, what is asked. Computed from its rows at every look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import application_rules as rules
from hesuan.hub.programmes import engine
from hesuan.hub.programmes.application_rules import ReviewStep
from hesuan.hub.programmes.models import Application, ApplicationStep
from hesuan.policy.terms import Issuance

State = Application.State


@dataclass(frozen=True, slots=True)
class WaitingOn:
    """Who has to act next, since when, and on what."""

    role: str
    """``owner``, ``reviewer``, ``approver``, ``programme_officer``, ``public``, ``clock``; empty: nobody."""
    step: str
    """The document's name of the step (``county``); empty outside the review."""
    verb: str
    """``submit``, ``review``, ``approve``, ``issue``, ``resolve``; empty where no person has to act."""
    organisation_id: str
    """Whose people: the applicant's or an office's; empty where no person has to act."""
    since: datetime
    until: datetime | None
    """When the public's days end."""
    en: str
    zh: str

    def sentence(self, language: str = "en") -> str:
        """What is asked, for people."""
        return self.zh if language.startswith("zh") else self.en


STEPS_ZH = {
    "reviewer": "审核人",
    "approver": "批准人",
    "second_approver": "第二批准人",
    "programme_officer": "计划主管",
    "county": "县级",
    "bureau": "主管部门",
    "finance": "财政部门",
}
"""Steps that documents name, for readers of Chinese; a name that is none of these stays as it stands."""
_CLOCK = ("The platform issues the voucher.", "由平台自动发放。")
_ASKED = {
    State.DRAFT: ("The applicant completes and submits it.", "由申领方补全并提交。"),
    State.SUBMITTED: ("Step `{step}` looks at it and decides.", "由环节“{step}”审核并作出决定。"),
    State.UNDER_REVIEW: ("Step `{step}` looks at it and decides.", "由环节“{step}”审核并作出决定。"),
    State.RETURNED: ("The applicant completes it: {reason}", "由申领方补正：{reason}"),
    State.REJECTED: ("It was rejected: {reason}", "已驳回：{reason}"),
    State.AUTO_APPROVED: _CLOCK,
    State.APPROVED: ("The programme office issues the voucher.", "由计划办公室发放。"),
    State.PUBLICISED: (
        "It is public; anybody may object until {until}.",
        "公示中；{until} 前任何人可提出异议。",
    ),
    State.OBJECTED: ("Somebody who has not acted on it decides the objection.", "由未经手的人员处理异议。"),
    State.ISSUED: ("The voucher is issued.", "算力券已发放。"),
}
_PUBLICITY_OVER = (
    "Nobody objected; the programme office issues the voucher.",
    "公示期满无异议；由计划办公室发放。",
)
_ISSUE_BY_HAND = (
    "The platform could not issue it by itself; the programme office issues the voucher.",
    "平台未能自动发放；由计划办公室发放。",
)


def waiting_on(application: Application) -> WaitingOn:
    """Whom an application waits on, since its last transition."""
    last = last_step(application)
    step = current_step(application)
    role, verb, organisation_id = _who(application, step)
    en, zh = _asked(application, role)
    facts = {
        "step": step.name if step else "",
        "reason": last.reason,
        "until": f"{application.publicity_until:%Y-%m-%d %H:%M %Z}" if application.publicity_until else "",
    }
    return WaitingOn(
        role=role,
        step=facts["step"],
        verb=verb,
        organisation_id=organisation_id,
        since=last.at,
        until=application.publicity_until if application.state == State.PUBLICISED else None,
        en=en.format_map(facts),
        zh=zh.format_map({**facts, "step": STEPS_ZH.get(facts["step"], facts["step"])}),
    )


def _asked(application: Application, role: str) -> tuple[str, str]:
    if role == "clock":
        return _CLOCK
    if role == "programme_officer" and application.state == State.PUBLICISED:
        return _PUBLICITY_OVER
    if role == "programme_officer" and application.state == State.AUTO_APPROVED:
        return _ISSUE_BY_HAND
    return _ASKED[State(application.state)]


def _who(application: Application, step: ReviewStep | None) -> tuple[str, str, str]:
    """Role, verb, organisation."""
    office_id = application.programme_version.programme.office_id
    if step is not None:
        return step.role, step.verb, desk_of(application, step)
    match application.state:
        case State.DRAFT | State.RETURNED:
            return "owner", "submit", application.organisation_id
        case State.OBJECTED:
            return "programme_officer", "resolve", office_id
        case State.APPROVED | State.PUBLICISED | State.AUTO_APPROVED:
            return _who_issues(application, office_id)
    return "", "", ""


def _who_issues(application: Application, office_id: str) -> tuple[str, str, str]:
    if is_public_still(application):
        return "public", "", ""
    if application.due_at is not None and is_automatic(application):
        return "clock", "", ""
    return "programme_officer", "issue", office_id


def may_act(actor: Actor, application: Application) -> bool:
    """Whether an application waits on this person: the role, not the applicant's, not in another part."""
    waits = waiting_on(application)
    if not waits.organisation_id or not actor.has(waits.role, waits.organisation_id):
        return False
    if waits.role == "owner":
        return True
    if application.organisation_id in actor.organisations():
        return False
    if waits.verb == "issue":
        return True
    step = rules.RESOLVER if waits.verb == "resolve" else waits.step
    acted = acted_as(actor.identity_id, application, step=step)
    return acted is None and not _conflicted(actor, application)


def is_public_still(application: Application) -> bool:
    """Whether the public's days run on."""
    until = application.publicity_until
    return application.state == State.PUBLICISED and until is not None and timezone.now() < until


def is_automatic(application: Application) -> bool:
    """Whether the engine approved it in this round, and no person."""
    rows = (one for one in application.steps.all() if one.round == application.round)
    return any(one.to_state == State.AUTO_APPROVED for one in rows)


def _conflicted(actor: Actor, application: Application) -> bool:
    return any(one.person == actor.identity_id and one.conflicted for one in application.interests.all())


# --- The steps of the review ---


def issuance_of(application: Application) -> Issuance | None:
    """What the application's document says of issuing."""
    return engine.programme_of(application.programme_version).terms.issuance


def steps_of(application: Application) -> tuple[ReviewStep, ...]:
    """Who has to agree to an application, in order; the amount decides whether two people approve."""
    issuance = issuance_of(application)
    limit_fen = issuance.second_approver_above_fen if issuance else None
    subsidy_fen = application.decision.get("subsidy_fen") or 0
    return rules.review_steps(
        issuance.else_steps if issuance else (),
        second_approver=isinstance(limit_fen, int) and subsidy_fen > limit_fen,
    )


def current_step(application: Application) -> ReviewStep | None:
    """The step an application is at; ``None`` outside the review."""
    if application.state not in rules.IN_REVIEW:
        return None
    return steps_of(application)[application.passed]


def desk_of(application: Application, step: ReviewStep) -> str:
    """Id of the office whose people take a step."""
    programme = application.programme_version.programme
    offices = {desk.step: desk.office_id for desk in programme.desks.all()}
    return str(offices.get(step.name, programme.office_id))


def last_step(application: Application) -> ApplicationStep:
    """The latest transition."""
    return max(application.steps.all(), key=lambda one: one.number)


def acted_as(actor_id: str, application: Application, *, step: str) -> str | None:
    """In which other part somebody has acted, in any round; the same step again is the same part."""
    mine = (one for one in application.steps.all() if one.actor == actor_id)
    parts = (rules.AUTHOR if one.trigger == "draft" else one.part for one in mine)
    return next((part for part in parts if part and part != step), None)
