"""What the evaluator is asked, and what it answers: facts, counters, a decision with its whole trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from hesuan.errors import Code, declare
from hesuan.money import format_yuan
from hesuan.policy.predicates import FactValue

if TYPE_CHECKING:
    from hesuan.policy.keys import Needed

OUTSIDE_PERIOD = declare(
    "policy.outside_period",
    en="{on} is outside the programme's period, {begin} to {end}.",
    zh="{on} 不在计划期间 {begin} 至 {end} 之内。",
)
CONDITION_UNMET = declare(
    "policy.condition_unmet",
    en="`{fact}` is {value}; the programme asks for {condition}.",
    zh="“{fact}”为 {value}；计划要求 {condition}。",
)
FACT_MISSING = declare(
    "policy.fact_missing",
    en="`{fact}` is not stated, so {condition} cannot be judged. State it.",
    zh="未说明“{fact}”，无法判断 {condition}。请补充。",
)
NO_ALTERNATIVE = declare(
    "policy.no_alternative",
    en="`{field}` asks for one of several conditions and lists none.",
    zh="“{field}”要求满足若干条件之一，却没有列出任何条件。",
)
SUPPLIER_NOT_ADMITTED = declare(
    "policy.supplier_not_admitted",
    en="The programme pays for computing at suppliers on {registries}; this centre's registries: {listed}.",
    zh="计划只支付名录 {registries} 内供给方的算力；该算力中心所在名录：{listed}。",
)
NO_TIER = declare(
    "policy.no_tier",
    en="None of the {count} tiers applies.",
    zh="{count} 个档次均不适用。",
)
RATE_UNSPECIFIED = declare(
    "policy.rate_unspecified",
    en='The rate of tier `{tier}` is unspecified: `{field}` says "?".',
    zh='档次“{tier}”的比例未公布：“{field}”为 "?"。',
)
OPEN_RULE = declare(
    "policy.open_rule",
    en="`{field}` is open, and {purpose} depends on it. Someone must decide it, on record.",
    zh="“{field}”未定，而{purpose_zh}取决于它。须有人裁定并记录解释。",
)
AWARD_RATE_MISSING = declare(
    "policy.award_rate_missing",
    en="Tier `{tier}` pays up to {rate}; the award must state its own rate (`award.rate`).",
    zh="档次“{tier}”至多 {rate}；须给出本次核定比例（`award.rate`）。",
)
OTHER_AID_FORBIDDEN = declare(
    "policy.other_aid_forbidden",
    en="{aid} of other public money is registered; the programme allows none beside its own.",
    zh="已登记其他财政资助 {aid}；本计划不得与之叠加。",
)
CAP_EXHAUSTED = declare(
    "policy.cap_exhausted",
    en="Of cap `{cap}` ({limit}), {used} is used; nothing is left.",
    zh="上限“{cap}”（{limit}）已用 {used}，没有余额。",
)
BUDGET_EXHAUSTED = declare(
    "policy.budget_exhausted",
    en="Budget `{budget}` has {left} left of {limit}; {asked} is needed.",
    zh="预算“{budget}”（{limit}）只剩 {left}；需要 {asked}。",
)
BUDGET_RULE_OPEN = declare(
    "policy.budget_rule_open",
    en='Budget `{budget}` has {left} left of {limit}; {asked} is needed, and `{field}` says "?".',
    zh='预算“{budget}”（{limit}）只剩 {left}，需要 {asked}；而“{field}”为 "?"。',
)
COUNTER_MISSING = declare(
    "policy.counter_missing",
    en="How much of `{name}` is used was not given.",
    zh="没有给出“{name}”的已用数额。",
)
NOT_EXECUTED = declare(
    "policy.not_executed",
    en="`{field}` says {value}, which this version does not carry out.",
    zh="“{field}”为 {value}，本版本尚不能执行。",
)
BELOW_FLOOR = declare(
    "policy.below_floor",
    en="{amount} is below the floor of {floor}.",
    zh="{amount} 低于下限 {floor}。",
)
OUTSIDE_WINDOW = declare(
    "policy.outside_window",
    en="{on} is in none of the windows for applications: {windows}.",
    zh="{on} 不在任何申领窗口内：{windows}。",
)
CLAIMED_BY_COUNTERPART = declare(
    "policy.claimed_by_counterpart",
    en="The other party of the contract has claimed; the programme pays one of the two.",
    zh="合同另一方已申领；本计划只支付其中一方。",
)
ADMISSION_LAPSED = declare(
    "policy.admission_lapsed",
    en="The supplier's admission runs from {begin} to {end}; the contract is of {on}.",
    zh="供给方的准入期为 {begin} 至 {end}；合同日期为 {on}。",
)
AWARD_LIMIT_MISSING = declare(
    "policy.award_limit_missing",
    en="The limit of cap `{cap}` stands in each award; state `award.max_subsidy`.",
    zh="上限“{cap}”由各项核定确定；请给出 `award.max_subsidy`。",
)
OVERRIDE_NOT_ALLOWED = declare(
    "policy.override_not_allowed",
    en="The award sets its own cap as `{role}`, and no cap of the programme lets that role.",
    zh="核定以角色“{role}”另定上限，而本计划没有任何上限允许该角色这样做。",
)
CLAIM_REPEATED = declare(
    "policy.claim_repeated",
    en="`{cap}` allows {limit} for {key}; {used} is counted already.",
    zh="“{cap}”对 {key} 至多允许 {limit}；已计 {used}。",
)
BUDGET_QUEUED = declare(
    "policy.budget_queued",
    en="Budget `{budget}` has {left} left of {limit}; {asked} is needed. The request waits in the queue.",
    zh="预算“{budget}”（{limit}）只剩 {left}，需要 {asked}。该申请进入排队。",
)
AWAITS_BATCH = declare(
    "policy.awaits_batch",
    en="Budget `{budget}` has {left} left of {limit}; {asked} is needed. The batch is paid in proportion.",
    zh="预算“{budget}”（{limit}）只剩 {left}，需要 {asked}。须待本批次按比例分配。",
)
SHARES_NOT_ONE = declare(
    "policy.shares_not_one",
    en="The payers' shares add up to {total}, not to 1.",
    zh="各出资方份额之和为 {total}，不是 1。",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the invoice (or of what is planned)."""

    kind: str
    amount_fen: int
    """Tax included."""
    tax_fen: int = 0
    """How much of it is tax."""
    stated: Mapping[str, FactValue] = field(default_factory=dict)
    """Facts of this line alone (``resource.provenance``, ``use.kind``), for rates by line."""
    on: date | None = None
    """The day the meter counted it, for a base apportioned by the meter."""


@dataclass(frozen=True, slots=True)
class Aid:
    """One entry of the register of other public money."""

    authority: str
    """Who gives it; empty where not known, which a rule about any authority then takes for its own."""
    scope: str
    """What it was given for: ``line``, ``contract``, ``project`` or ``type``; empty where not known."""
    amount_fen: int
    """How much of it falls on this invoice."""
    programme: str = ""
    rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one request. The evaluator asks no clock and no table."""

    event: Literal["issue", "redeem"]
    """``issue``: caps and budgets that count ``issued`` bind. ``redeem``: those that count ``redeemed``."""
    on: date
    """The day decided about, in the programme's own calendar."""
    lines: tuple[Line, ...]
    stated: Mapping[str, FactValue] = field(default_factory=dict)
    """By the names in :data:`hesuan.policy.predicates.FACTS`."""
    registries: frozenset[str] | None = None
    """Which of the programme's registries list the supplier; ``None`` while no supplier is chosen."""
    other_aid_fen: int = 0
    """Other public money for the same invoice: the sum of ``aid``; stated alone, one entry of it."""
    aid: tuple[Aid, ...] = ()
    """The register of other public money, entry by entry."""
    counted_on: date | None = None
    """The day on which caps and budgets count it, where that is not the day decided about: what was bought in
    one year and claimed in the next uses up the next year's limits."""

    def __post_init__(self) -> None:
        assert all(0 <= line.tax_fen <= line.amount_fen for line in self.lines)
        if self.aid:
            total = sum(one.amount_fen for one in self.aid)
            assert self.other_aid_fen in (0, total), "the sum of the register, or left out"
            object.__setattr__(self, "other_aid_fen", total)
        elif self.other_aid_fen:
            object.__setattr__(self, "aid", (Aid("", "", self.other_aid_fen),))
        assert 0 <= self.other_aid_fen <= self.invoice_fen, "aid for an invoice is part of that invoice"

    @property
    def invoice_fen(self) -> int:
        """All lines together, whether eligible or not."""
        return sum(line.amount_fen for line in self.lines)

    @property
    def counting_day(self) -> date:
        """The day whose windows of caps and budgets bind."""
        return self.counted_on or self.on


@dataclass(frozen=True, slots=True)
class Counters:
    """What is used already [fen], read under the lock under which the decision is carried out."""

    caps: Mapping[str, int] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)
    voucher_fen: int | None = None
    """What the voucher has left; ``None`` when none is being used."""
    batch: Mapping[str, Fraction] = field(default_factory=dict)
    """Budget → the part of what each request of a batch asks that the budget can pay (:mod:`.batches`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace."""

    number: int
    """Place in the normative order of evaluation, 1 to 13."""
    name: str
    citing: str
    """``file:line`` of the rule."""
    en: str
    zh: str

    def sentence(self, language: str = "en") -> str:
        """The line for people."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why nothing is paid, with the field it rests on."""

    code: Code
    field: str
    where: str
    facts: Mapping[str, object]
    facts_zh: Mapping[str, object] | None = None
    """The same as a reader of Chinese is told them."""

    def sentence(self, language: str = "en") -> str:
        """The sentence for people, the place in front."""
        if language.startswith("zh"):
            return f"{self.where}: {self.code.zh.format_map({**self.facts, **(self.facts_zh or {})})}"
        return f"{self.where}: {self.code.en.format_map(self.facts)}"


@dataclass(frozen=True, slots=True)
class Share:
    """What one payer pays [fen]."""

    payer: str
    fen: int


@dataclass(frozen=True, slots=True)
class LineResult:
    """What one line gets; the lines' amounts sum to the subsidy."""

    kind: str
    amount_fen: int
    """As invoiced."""
    base: Fraction
    tier: str
    rate: Fraction | None
    gross: Fraction
    subsidy_fen: int


@dataclass(frozen=True, slots=True)
class Decision:
    """``subsidy_fen + other_aid_fen + copay_fen = invoice_fen``, and the shares sum to the subsidy."""

    granted: bool
    programme: str
    version: int
    digest: str
    invoice_fen: int
    other_aid_fen: int
    base: Fraction
    """What the rate was applied to [fen, exact]."""
    tier: str
    rate: Fraction | None
    gross: Fraction
    """Base times rate, before any limit [fen, exact]."""
    subsidy_fen: int
    shares: tuple[Share, ...]
    cap_left_fen: Mapping[str, int]
    budget_left_fen: Mapping[str, int]
    trace: tuple[Step, ...]
    failures: tuple[Failure, ...]
    queued: bool = False
    """Nothing is granted now, and the request keeps its place: the budget is short."""
    lines: tuple[LineResult, ...] = ()
    """Line by line, where each line has a tier of its own."""
    counted: tuple[tuple[Needed, int], ...] = ()
    """What to add to each counter when the decision is carried out [fen]."""
    recover_fen: int = 0
    """What earlier claims of the year got above a tier that now holds for all of them [fen]."""
    auto_approved: bool = False
    """Whether the programme's own rule lets it pass without a reviewer."""

    @property
    def copay_fen(self) -> int:
        """What the invoice's payer pays of their own."""
        return self.invoice_fen - self.other_aid_fen - self.subsidy_fen


def yuan(amount: Fraction | int, unit: str = "CNY") -> str:
    """An exact amount [fen] as people read it; what is below a fen is written out, not rounded away."""
    whole, rest = amount.numerator // amount.denominator, amount.numerator % amount.denominator
    shown = format_yuan(whole) if unit == "CNY" else f"{format_yuan(whole).replace('¥', '')} {unit}"
    part = "fen" if unit == "CNY" else f"× 0.01 {unit}"
    return f"{shown} + {Fraction(rest, amount.denominator)} {part}" if rest else shown
