"""Every refusal of this room, in both languages."""

from __future__ import annotations

from hesuan.errors import declare

NOT_FOUND = declare(
    "flag.not_found",
    en="There is no flag {flag} that you may see.",
    zh="没有您可以查看的风险信号 {flag}。",
)
ROLE_MISSING = declare(
    "flag.role_missing",
    en="Deciding flag {flag} takes the role reviewer or approver in an office it concerns, or the platform's"
    " operator where it concerns none; {name} has neither.",
    zh="处理风险信号 {flag} 须为相关计划管理方的审核或批准人员"
    "（不涉及计划时为平台运营人员），{name} 不具备。",
)
OWN = declare(
    "flag.own_organisation",
    en="Flag {flag} concerns an organisation that {name} belongs to; somebody else decides it.",
    zh="风险信号 {flag} 涉及 {name} 所属组织，须由他人处理。",
)
DECIDED = declare(
    "flag.decided",
    en="Flag {flag} was decided before: {state}.",
    zh="风险信号 {flag} 已处理：{state}。",
)
REASON_MISSING = declare(
    "flag.reason_missing",
    en="A decision on a flag, and a threshold of a programme, need a reason.",
    zh="处理风险信号或调整阈值均须说明理由。",
)
NOT_AN_OUTCOME = declare(
    "flag.not_an_outcome",
    en="`{outcome}` is no outcome: {known}.",
    zh="“{outcome}”不是处理结果：{known}。",
)
NOT_A_MEASURE = declare(
    "flag.not_a_measure",
    en="`{measure}` is no measure: {known}. A confirmed flag names one, a dismissed one none.",
    zh="“{measure}”不是处置措施：{known}。确认时须选一项，排除时不填。",
)
NOT_A_THRESHOLD = declare(
    "flag.not_a_threshold",
    en="`{name}` is no threshold, or {value} is not a positive whole number.",
    zh="“{name}”不是阈值名称，或 {value} 不是正整数。",
)
