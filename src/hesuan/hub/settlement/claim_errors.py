"""What redemption refuses, in both languages."""

from __future__ import annotations

from hesuan.errors import declare

CLAIM_NOT_FOUND = declare(
    "claim.not_found",
    en="There is no claim {claim}, or none that you may see.",
    zh="没有兑付申请 {claim}，或您无权查看。",
)
CLAIM_TAKEN = declare(
    "claim.id_taken",
    en="Claim {claim} exists with other content. Choose a new id.",
    zh="兑付申请 {claim} 已存在且内容不同。请使用新的编号。",
)
FLOW_UNKNOWN = declare(
    "claim.flow_not_carried_out",
    en="Version {version} of {programme} pays by `{flow}`; the platform carries out {known}. Pay it outside,"
    " and keep the evidence.",
    zh="{programme} 版本 {version} 的资金流向为“{flow}”；平台可办理 {known}。请在平台外支付并保留凭证。",
)
NOTHING_TO_CLAIM = declare(
    "claim.no_orders",
    en="A claim names at least one settled order.",
    zh="兑付申请须列出至少一个已结算订单。",
)
VOUCHER_NEEDED = declare(
    "claim.voucher_needed",
    en="Under `{flow}` the claim names the voucher it draws on (`voucher`).",
    zh="按“{flow}”办理时，申请须写明所用算力券（`voucher`）。",
)
NO_VOUCHER_HERE = declare(
    "claim.no_voucher_here",
    en="Nothing is issued under this programme: leave `voucher` out (it names {voucher}); the claim makes"
    " its own entitlement.",
    zh="本计划不事先发券：请不要填写 `voucher`（现为 {voucher}）；兑付申请自行形成资助资格。",
)
NO_FACTS_HERE = declare(
    "claim.no_facts_here",
    en="Facts were stated with the voucher's application; a claim on it states none. Leave `facts` out.",
    zh="事实已在申领算力券时说明；凭券兑付不再填写。请不要填写 `facts`。",
)
FACT_DIFFERS = declare(
    "claim.fact_differs_from_paper",
    en="`{fact}` is stated as {stated}; the contract among the papers says {paper}. Correct one of them.",
    zh="“{fact}”填写为 {stated}；所附合同为 {paper}。请更正其一。",
)
RATE_MISSING = declare(
    "claim.rate_missing",
    en="The document pays claim {claim} up to {most} and lets `{role}` set how much. State the rate (`rate`),"
    " such as 2/5 or 40%, and the reason as the note.",
    zh="文件对兑付申请 {claim} 至多按 {most} 支付，由“{role}”核定。"
    "请填写比例（`rate`，如 2/5 或 40%），并在说明中写明理由。",
)
RATE_OUTSIDE = declare(
    "claim.rate_outside",
    en="A rate of {rate} cannot be set for claim {claim}; the document's highest is {most}. State one above 0"
    " and at most that; a match of other public money has exactly that.",
    zh="不能为兑付申请 {claim} 核定比例 {rate}；文件规定最高 {most}。"
    "请填写大于 0 且不超过该值的比例；配套其他财政资金的，比例即为该值。",
)
RATE_NOT_HERE = declare(
    "claim.no_rate_here",
    en="Nobody sets the rate of claim {claim} at this step; the document says who does: `{role}`. Leave"
    " `rate` out (it says {rate}).",
    zh="兑付申请 {claim} 的本环节不核定比例；文件规定由“{role}”核定。请不要填写 `rate`（现为 {rate}）。",
)
VOUCHER_FOREIGN = declare(
    "claim.voucher_of_another_version",
    en="Voucher {voucher} was issued under another version, or to another holder, than this claim is about.",
    zh="算力券 {voucher} 不属于本申请所涉的版本或持有者。",
)
ORDER_NOT_CLAIMABLE = declare(
    "claim.order_not_claimable",
    en="Order {order} cannot be claimed here: {why}.",
    zh="订单 {order} 不能在此申请兑付：{why_zh}。",
)
ONE_HOLDER = declare(
    "claim.one_holder",
    en="A claim goes with one contract and one invoice, so with one holder at one centre; these are {count}.",
    zh="一份申请对应一份合同和一张发票，只能涉及一个用户和一个算力中心；所列订单涉及 {count} 个。",
)
ORDER_CLAIMED = declare(
    "claim.order_claimed",
    en="Order {order} is in claim {claim} already ({state}).",
    zh="订单 {order} 已列入兑付申请 {claim}（{state}）。",
)
NOTHING_PAID = declare(
    "claim.nothing_paid",
    en="Under the voucher's rule these orders bring {subsidy}: {why}",
    zh="按算力券规则，这些订单可兑付 {subsidy}：{why}",
)
ADJUSTED_OTHERWISE = declare(
    "claim.adjusted_otherwise",
    en="Line {line} of claim {claim} was adjusted by {adjusted} by credit notes, which its {decided} of"
    " today do not bear. Withdraw the claim and open it anew.",
    zh="申请 {claim} 第 {line} 行已因红字发票调整 {adjusted}，与今日核定的 {decided} 不符。"
    "请撤回该申请后重新提出。",
)
ROLE_MISSING = declare(
    "claim.role_missing",
    en="{verb} needs the role {role} in {organisation}, which {name} does not hold. Ask somebody who does.",
    zh="{verb_zh}需要在 {organisation} 中持有角色 {role}，{name} 没有该角色。请联系持有者办理。",
)
SAME_PERSON = declare(
    "claim.same_person",
    en="{name} acted on {thing} before ({part}); {verb} needs another person.",
    zh="{name} 此前已参与 {thing}（{part}）；{verb_zh}须由另一人进行。",
)
OWN_CLAIM = declare(
    "claim.own_organisation",
    en="{name} belongs to {organisation}, whom it concerns; {verb} needs somebody outside it.",
    zh="{name} 属于当事方 {organisation}；{verb_zh}须由其外部人员进行。",
)
WRONG_STATE = declare(
    "claim.wrong_state",
    en="{thing} is {state}; {verb} needs {needed}.",
    zh="{thing} 的状态为 {state}；{verb_zh}须为 {needed}。",
)
PUBLICITY_RUNS = declare(
    "claim.publicity_runs",
    en="Claim {claim} hangs out for objections until {until}; today is {today}.",
    zh="兑付申请 {claim} 公示至 {until}；今天是 {today}。",
)
DISPUTE_NOT_FOUND = declare(
    "dispute.not_found",
    en="There is no dispute {dispute}, or none that you may see.",
    zh="没有争议 {dispute}，或您无权查看。",
)
LINE_NOT_FOUND = declare(
    "claim.line_not_found",
    en="Claim {claim} has no line {line}.",
    zh="兑付申请 {claim} 没有第 {line} 行。",
)
REASON_MISSING = declare(
    "claim.reason_missing",
    en="{verb} needs a reason that others can read.",
    zh="{verb_zh}须说明理由，供他人查阅。",
)
BATCH_NOT_FOUND = declare(
    "batch.not_found",
    en="There is no batch {batch}, or none that you may see.",
    zh="没有批次 {batch}，或您无权查看。",
)
BATCH_EMPTY = declare(
    "batch.empty",
    en="Batch {batch} holds no claim; there is nothing to close.",
    zh="批次 {batch} 中没有兑付申请，无可关闭。",
)
CADENCE_ASKS_BATCH = declare(
    "claim.paid_by_batch",
    en="Claim {claim} is paid with batch {batch} ({period}), not by itself.",
    zh="兑付申请 {claim} 随批次 {batch}（{period}）支付，不单独支付。",
)
CLAWBACK_NOT_FOUND = declare(
    "clawback.not_found",
    en="There is no clawback {clawback}, or none that you may see.",
    zh="没有追缴 {clawback}，或您无权查看。",
)
CLAWBACK_TOO_MUCH = declare(
    "clawback.too_much",
    en="{asked} is above what can come back of claim {claim}: {left} ({paid} was paid).",
    zh="{asked} 超过兑付申请 {claim} 可追缴的 {left}（已支付 {paid}）。",
)
AMOUNT_WRONG = declare(
    "claim.amount_wrong",
    en="{field} must be from {low} to {high}, not {value}.",
    zh="{field} 须在 {low} 至 {high} 之间，而不是 {value}。",
)
NOTE_BESIDE = declare(
    "credit_note.booked_beside",
    en="Red-letter invoice {number} is booked on claim {claim} of programme {programme} on the same order"
    " already, and both programmes decided the order anew by it. Book nothing here.",
    zh="红字发票 {number} 已登记在计划 {programme} 同一订单的申请 {claim} 上，两个计划均已据此重新核定。"
    "此处无须登记。",
)
NOTE_TAKEN = declare(
    "credit_note.id_taken",
    en="Credit note {note} exists with other content. Choose a new id.",
    zh="红字发票记录 {note} 已存在且内容不同。请使用新的编号。",
)
NOTE_TOO_LARGE = declare(
    "credit_note.above_line",
    en="Credit notes take {taken} off line {line}, which is of {charge}.",
    zh="红字发票共冲减第 {line} 行 {taken}，该行金额为 {charge}。",
)
NO_FLOAT = declare(
    "float.not_this_flow",
    en="{programme} pays by `{flow}`; only `prefund_supplier` has a float.",
    zh="{programme} 的资金流向为“{flow}”；只有 prefund_supplier 设备用金。",
)
FLOAT_TAKEN = declare(
    "float.id_taken",
    en="Movement {movement} was booked with other content. Choose a new id.",
    zh="备用金变动 {movement} 已入账且内容不同。请使用新的编号。",
)
FLOAT_ABOVE_SIZE = declare(
    "float.above_size",
    en="With {asked} the float would be {after}; the programme's float is {size}.",
    zh="再拨 {asked} 后备用金为 {after}；该计划规定的额度为 {size}。",
)
PACK_TOO_EARLY = declare(
    "pack.too_early",
    en="Claim {claim} is {state}; its evidence pack is made once it is matched.",
    zh="兑付申请 {claim} 的状态为 {state}；核对通过后方可生成兑付材料。",
)
