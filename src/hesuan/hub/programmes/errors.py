"""What the programmes room refuses, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hesuan.errors import declare
from hesuan.policy.decision import Failure
from hesuan.policy.linter import Finding

ROLE_MISSING = declare(
    "programme.role_missing",
    en="{verb} needs the role {role} in {organisation}, which {name} does not hold. Ask somebody who does.",
    zh="{verb_zh}需要在 {organisation} 中持有角色 {role}，{name} 没有该角色。请联系持有者办理。",
)
PROGRAMME_NOT_FOUND = declare(
    "programme.not_found",
    en="There is no programme {programme}, or none that you may see.",
    zh="没有计划 {programme}，或您无权查看。",
)
APPLICATION_NOT_FOUND = declare(
    "application.not_found",
    en="There is no application {application}, or none that you may see.",
    zh="没有申领 {application}，或您无权查看。",
)
VOUCHER_NOT_FOUND = declare(
    "voucher.not_found",
    en="There is no voucher {voucher}, or none that you may see.",
    zh="没有算力券 {voucher}，或您无权查看。",
)
OFFICE_UNCLEAR = declare(
    "programme.office_unclear",
    en="{name} is a programme officer of {count} offices; say which one keeps the programme (`office_id`).",
    zh="{name} 在 {count} 个计划办公室任职；请指明由哪个办公室管理该计划（`office_id`）。",
)
OTHER_OFFICE = declare(
    "programme.other_office",
    en="Programme {programme} is kept by another office.",
    zh="计划 {programme} 由另一个办公室管理。",
)
VERSION_TAKEN = declare(
    "programme.version_taken",
    en="Version {version} of {programme} exists with other content ({before}; this text is {now})."
    " A version never changes; raise the number.",
    zh="{programme} 的版本 {version} 已存在且内容不同（{before}；此文本为 {now}）。"
    "版本不可更改；请递增版本号。",
)
VERSION_RETIRED = declare(
    "programme.version_retired",
    en="Version {version} of {programme} is {state}; version {active} took its place. Load a new version.",
    zh="{programme} 的版本 {version} 状态为 {state}；已由版本 {active} 取代。请载入新版本。",
)
NOT_ACTIVE = declare(
    "programme.not_active",
    en="Version {version} of {programme} is {state}; vouchers are applied for under an active version.",
    zh="{programme} 的版本 {version} 状态为 {state}；只能按生效版本申领。",
)
OPEN_RULE = declare(
    "programme.open_rule",
    en="Version {version} of {programme} cannot be activated; {count} findings stand in the way.{list_en}",
    zh="{programme} 的版本 {version} 无法激活；有 {count} 项问题。{list_zh}",
)
NOT_ACTIVATABLE = declare(
    "programme.not_activatable",
    en="Version {version} of {programme} cannot be activated; {count} findings stand in the way.{list_en}",
    zh="{programme} 的版本 {version} 无法激活；有 {count} 项问题。{list_zh}",
)
BUDGETS_NOT_ONE = declare(
    "programme.budgets_not_one",
    en="`budgets` has {count} entries; this version of the platform carries out exactly one.",
    zh="“budgets”有 {count} 项；平台的当前版本只能执行恰好一项。",
)
REASON_MISSING = declare(
    "programme.reason_missing",
    en="Admitting {centre} to {programme} needs a reason; it goes on record and is public.",
    zh="准入 {centre} 到 {programme} 须写明理由；理由将公开存档。",
)
FACT_NOT_DECLARED = declare(
    "application.fact_not_declared",
    en="`{fact}` is not for the applicant to state; {who} knows it.",
    zh="“{fact}”不由申领方申报；以 {who} 为准。",
)
NOT_ELIGIBLE = declare(
    "application.not_eligible",
    en="The programme does not grant this; {count} conditions stand in the way.{list_en}",
    zh="计划不支持该申领；有 {count} 项条件不满足。{list_zh}",
)
NOTHING_GRANTED = declare(
    "application.nothing_granted",
    en="For {planned} the programme pays {subsidy}; there is nothing to issue.",
    zh="对 {planned}，计划支付 {subsidy}；没有可发放的金额。",
)
NOT_AN_AMOUNT = declare(
    "application.not_an_amount",
    en="Planned spending is {planned} fen; it must be from 1 to {limit}.",
    zh="计划支出为 {planned} 分；须在 1 至 {limit} 之间。",
)
APPLICATION_TAKEN = declare(
    "application.id_taken",
    en="Application {application} exists with other content. Choose a new id.",
    zh="申领 {application} 已存在且内容不同。请使用新的编号。",
)
WRONG_STATE = declare(
    "application.wrong_state",
    en="Application {application} is {state}; {verb} needs it to be {needed}.",
    zh="申领 {application} 的状态为 {state}；{verb_zh}要求状态为 {needed}。",
)
SAME_PERSON = declare(
    "application.same_person",
    en="{name} already acted on application {application} as {part}; {verb} needs another person.",
    zh="{name} 已作为{part_zh}处理过申领 {application}；{verb_zh}须由另一人进行。",
)
OWN_APPLICATION = declare(
    "application.own_organisation",
    en="{name} belongs to {organisation}, which applies; {verb} needs somebody outside it.",
    zh="{name} 属于申领方 {organisation}；{verb_zh}须由其外部人员进行。",
)
NOT_A_VERDICT = declare(
    "application.not_a_verdict",
    en="`{verdict}` is not a verdict. Say pass or reject.",
    zh="“{verdict}”不是结论。请写 pass 或 reject。",
)


def numbered(items: Sequence[Failure | Finding]) -> dict[str, Any]:
    """Facts for a refusal that has several reasons: their list in both languages, and each by itself."""
    en = [item.sentence("en") for item in items]
    zh = [item.sentence("zh") for item in items]
    return {
        "count": len(items),
        "list_en": "".join(f"\n  {number}. {line}" for number, line in enumerate(en, 1)),
        "list_zh": "".join(f"\n  {number}. {line}" for number, line in enumerate(zh, 1)),
        "reasons": [
            {"code": item.code.name, "field": item.field, "where": item.where, "en": e, "zh": z}
            for item, e, z in zip(items, en, zh, strict=True)
        ],
    }
