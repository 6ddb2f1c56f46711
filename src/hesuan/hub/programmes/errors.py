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
ADMISSION_NOT_FOUND = declare(
    "programme.admission_not_found",
    en="There is no admission {admission}, or none of a programme that you may see.",
    zh="没有准入记录 {admission}，或您无权查看其计划。",
)
SERVICE_ITEM_UNKNOWN = declare(
    "programme.service_item_unknown",
    en="`{item}` is not a service item here. Those sold are: {known}; leave it empty for every one.",
    zh="“{item}”不是本平台的服务项目。可选：{known}；留空表示全部项目。",
)
ADMISSION_ENDS_FIRST = declare(
    "programme.admission_ends_first",
    en="The admission would end on {last}, before its first day {first}.",
    zh="准入的截止日 {last} 早于起始日 {first}。",
)
ADMITTED_OTHERWISE = declare(
    "programme.admitted_otherwise",
    en="{centre} was admitted for this batch ({batch}) and item already, from {first}, last day {last}; an "
    "admission is never rewritten. Name another batch.",
    zh="{centre} 已按该批次（{batch}）和服务项目准入，起始日 {first}，截止日 {last}；"
    "准入记录不得改写。请另列批次。",
)
ENDS_IN_THE_PAST = declare(
    "programme.ends_in_the_past",
    en="The last day {last} is past; today is {today}. Orders agreed in between were lawful and stay so.",
    zh="最后一日 {last} 已过；今天是 {today}。其间达成的订单合法有效，不受影响。",
)
NOTHING_ISSUED = declare(
    "programme.nothing_issued",
    en="{programme} issues nothing beforehand: use the computing, pay for it, then claim it back.",
    zh="{programme} 不事先发券：请先使用算力并付款，再申请兑付。",
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
    en="Version {version} of {programme} cannot be activated; findings in the way: {count}.{list_en}",
    zh="{programme} 的版本 {version} 无法激活；有 {count} 项问题。{list_zh}",
)
NOT_ACTIVATABLE = declare(
    "programme.not_activatable",
    en="Version {version} of {programme} cannot be activated; findings in the way: {count}.{list_en}",
    zh="{programme} 的版本 {version} 无法激活；有 {count} 项问题。{list_zh}",
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
    en="The programme does not grant this; conditions in the way: {count}.{list_en}",
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
WRITER_ACTIVATES = declare(
    "programme.same_person",
    en="{name} loaded version {version} of {programme}; another approver of the office activates it.",
    zh="{programme} 的版本 {version} 由 {name} 载入；须由本办公室另一名审批人激活。",
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
    en="`{verdict}` is not a verdict. Say {known}.",
    zh="“{verdict}”不是结论。请写 {known} 之一。",
)


CALL_NOT_FOUND = declare(
    "call.not_found",
    en="There is no call {call}.",
    zh="没有申领批次 {call}。",
)
CALL_TAKEN = declare(
    "call.id_taken",
    en="Call {call} exists with other days or another budget. Choose a new id.",
    zh="申领批次 {call} 已存在且日期或预算不同。请使用新的编号。",
)
CALL_DAYS_WRONG = declare(
    "call.days_wrong",
    en="The call would close on {closes_on}, before it opens on {opens_on}.",
    zh="批次截止日 {closes_on} 早于开放日 {opens_on}。",
)
CALL_OUTSIDE_WINDOWS = declare(
    "call.outside_windows",
    en="A call from {opens_on} to {closes_on} is outside the windows of the document: {windows}.",
    zh="{opens_on} 至 {closes_on} 的批次超出文件规定的申领窗口：{windows}。",
)
NO_SUCH_BUDGET = declare(
    "call.no_such_budget",
    en="The document has no budget `{budget}`; it has {known}.",
    zh="文件中没有预算“{budget}”；已有：{known}。",
)
CALL_REASON_MISSING = declare(
    "call.reason_missing",
    en="Closing call {call} before its last day needs a reason; it goes on record and is public.",
    zh="提前结束批次 {call} 须写明理由；理由将公开存档。",
)
NO_OPEN_CALL = declare(
    "call.none_open",
    en="On {on} no call of {programme}, version {version}, takes this application. Calls: {calls}.",
    zh="{on} 没有开放的申领批次（{programme} 版本 {version}）。批次：{calls}。",
)
NO_SUCH_STEP = declare(
    "programme.no_such_step",
    en="The document of {programme} names no step `{step}`; it has {known}.",
    zh="{programme} 的文件没有环节“{step}”；已有：{known}。",
)
NOT_AN_OFFICE = declare(
    "programme.not_an_office",
    en="{organisation} is not a programme office and cannot take a step.",
    zh="{organisation} 不是计划办公室，不能承担环节。",
)
APPLICATION_REASON_MISSING = declare(
    "application.reason_missing",
    en="{verb} needs a reason; the applicant reads it, and it stays on record.",
    zh="{verb_zh}须写明理由；申领方可见，并存档。",
)
CONTRACT_TAKEN = declare(
    "application.contract_taken",
    en="Contract {contract} is in application {other} already; the programme pays a contract once.",
    zh="合同 {contract} 已在申领 {other} 中申报；本计划对同一合同只支持一次。",
)
CONFLICTED = declare(
    "application.conflicted",
    en="{name} declared an interest in application {application}: {reason}. {verb} needs somebody else.",
    zh="{name} 已就申领 {application} 申报利益冲突：{reason}。{verb_zh}须由无利益冲突者进行。",
)
RELATED = declare(
    "application.related",
    en="{name} belongs to {own}, which is related to {organisation}, and did not declare it. {path_en}"
    " {verb} needs somebody else.",
    zh="{name} 所属的 {own} 与申领方 {organisation} 存在关联而未申报。{path_zh}{verb_zh}须由他人进行。",
)
INTEREST_STANDS = declare(
    "application.interest_stands",
    en="{name} declared an interest in application {application}; it cannot be taken back.",
    zh="{name} 已就申领 {application} 申报利益冲突，不可撤回。",
)
AWARD_FIXED = declare(
    "application.award_fixed",
    en="The award of application {application} is set by its first approver; at step `{step}` it is not"
    " changed. Return the application instead.",
    zh="申领 {application} 的核定内容由首位批准人确定，环节“{step}”不能更改；请退回申领。",
)
NOT_FOR_THE_AWARD = declare(
    "application.not_for_the_award",
    en="`{fact}` is not set by an award; it sets {known}.",
    zh="“{fact}”不由核定确定；可核定：{known}。",
)
PUBLICITY_RUNNING = declare(
    "application.publicity_running",
    en="Application {application} is public until {until}; {verb} waits until then.",
    zh="申领 {application} 公示至 {until}；{verb_zh}须在公示期满后进行。",
)
PUBLICITY_OVER = declare(
    "application.publicity_over",
    en="Application {application} was public until {until}; objections are no longer taken.",
    zh="申领 {application} 的公示已于 {until} 结束，不再受理异议。",
)
OBJECTION_NOT_FOUND = declare(
    "objection.not_found",
    en="There is no objection {objection}, or none that you may see.",
    zh="没有异议 {objection}，或您无权查看。",
)
OBJECTION_TAKEN = declare(
    "objection.id_taken",
    en="Objection {objection} exists with other content. Choose a new id.",
    zh="异议 {objection} 已存在且内容不同。请使用新的编号。",
)
OBJECTION_DECIDED = declare(
    "objection.decided",
    en="Objection {objection} is decided already: {outcome}.",
    zh="异议 {objection} 已处理：{outcome}。",
)
OWN_OBJECTION = declare(
    "objection.own",
    en="{name} raised objection {objection}; somebody else decides it.",
    zh="异议 {objection} 由 {name} 提出；须由他人处理。",
)
VOUCHER_STATE = declare(
    "voucher.wrong_state",
    en="Voucher {voucher} is {state}; {verb} needs it to be {needed}.",
    zh="算力券 {voucher} 的状态为 {state}；{verb_zh}要求状态为 {needed}。",
)
VOUCHER_REASON = declare(
    "voucher.reason_missing",
    en="{verb} needs a reason; it goes on record.",
    zh="{verb_zh}须写明理由；理由将存档。",
)
NO_SUCH_EVENT = declare(
    "voucher.no_such_event",
    en="No tranche of voucher {voucher} is released by `{event}`; its programme names {known}.",
    zh="算力券 {voucher} 没有由“{event}”释放的分期；其计划所列事件为 {known}。",
)
NOT_TRANSFERABLE = declare(
    "voucher.not_transferable",
    en="Voucher {voucher} is bound to the applicant it was issued to (`issuance.transferable`: {rule}).",
    zh="算力券 {voucher} 仅限获券申领方使用，不得转让（“issuance.transferable”：{rule}）。",
)
MADE_BY_A_CLAIM = declare(
    "voucher.made_by_a_claim",
    en="{voucher} was made by a claim and is drawn by it. Withdraw the claim; what it holds then goes back.",
    zh="{voucher} 由兑付申请形成，只供该申请使用。请撤回该申请，所冻结的额度随之退回。",
)
CLAIM_TIME_STATED = declare(
    "voucher.claim_time_stated",
    en="Voucher {voucher} may be claimed on until {until}, by its programme's document; it is {now}. Nobody"
    " ends that earlier.",
    zh="算力券 {voucher} 依其计划文本可申请兑付至 {until}；现在是 {now}。任何人不得提前终止。",
)
NOTHING_UNDECIDED = declare(
    "voucher.nothing_undecided",
    en="Voucher {voucher}: nothing of a checkpoint on {day} waits for a decision.",
    zh="算力券 {voucher}：{day} 的核查日没有待裁定事项。",
)
SHARE_OUTSIDE = declare(
    "voucher.share_outside",
    en="Voucher {voucher}: {share} of the unused is not 0 and not within {known}, which the document's own"
    " brackets of that day take.",
    zh="算力券 {voucher}：收回未用部分的 {share} 既不为 0，也不在该日各档位所定的 {known} 之内。",
)
NO_EXEMPTION = declare(
    "voucher.no_exemption",
    en="Voucher {voucher}: its programme names {known} as checkpoints and `{role}` as who may exempt from"
    " them; {day} is not one that can be exempted.",
    zh="算力券 {voucher}：其计划的核查日为 {known}，可豁免者为“{role}”；{day} 不能豁免。",
)
VOUCHER_SAME_PERSON = declare(
    "voucher.same_person",
    en="{name} suspended voucher {voucher}; whether it stays so is for another person to decide.",
    zh="算力券 {voucher} 由 {name} 暂停；是否撤销须由另一人决定。",
)
VOUCHER_OWN = declare(
    "voucher.own_organisation",
    en="{name} belongs to {organisation}, which holds the voucher; {verb} needs somebody outside it.",
    zh="{name} 属于持券方 {organisation}；{verb_zh}须由其外部人员进行。",
)
ANSWER_AWAITED = declare(
    "voucher.answer_awaited",
    en="{organisation} may state its case on voucher {voucher} until {until}; it is {now}. Nothing is revoked"
    " before that, unless it has spoken.",
    zh="{organisation} 可在 {until} 之前就算力券 {voucher} 陈述意见，现在是 {now}。此前未陈述的，不得撤销。",
)
NOT_DRAWN_ON = declare(
    "voucher.not_drawn_on",
    en="Voucher {voucher} is {state}; no claim draws on it or is paid from it while it is.",
    zh="算力券 {voucher} 目前为 {state}，在此期间不能据以申报或支付。",
)
NOT_USABLE = declare(
    "voucher.not_usable",
    en="Voucher {voucher} is {state} now; nothing new is held of it. Ask for new quotes.",
    zh="算力券 {voucher} 目前为 {state}，不能再冻结。请重新询价。",
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


NO_EXTENSION = declare(
    "voucher.no_extension",
    en="Voucher {voucher} cannot be extended: `issuance.extension` says {rule}, it ends {ends}, and"
    " it is {now}. An extension needs a document that allows one, a last day to move, and room that is left.",
    zh="算力券 {voucher} 不能延长：“issuance.extension”为 {rule}，到期时间 {ends}，现在是 {now}。"
    "延长须文件允许、原有截止日且仍有余地。",
)
EXTENSION_OUTSIDE = declare(
    "voucher.extension_outside",
    en="Voucher {voucher} is good until {after}, and may be extended until {until}; {day} is not"
    " between them.",
    zh="算力券 {voucher} 有效期至 {after}，至多可延长至 {until}；{day} 不在其间。",
)
