"""What the sampled audit, the reconciliation and the closing of claims refuse or find, in both languages."""

from __future__ import annotations

from hesuan.errors import declare

PLAN_NOT_FOUND = declare(
    "audit_plan.not_found",
    en="There is no audit plan {plan}, or none that you may see.",
    zh="没有抽查方案 {plan}，或您无权查看。",
)
PLAN_TAKEN = declare(
    "audit_plan.id_taken",
    en="Audit plan {plan} exists with other content. Choose a new id.",
    zh="抽查方案 {plan} 已存在且内容不同。请使用新的编号。",
)
NOT_AN_OUTCOME = declare(
    "audit.not_an_outcome",
    en="`{outcome}` is no outcome of an audit; known: {known}.",
    zh="“{outcome}”不是抽查结论；可用：{known}。",
)
NO_WINDOW = declare(
    "claim.no_window",
    en="Neither {programme}'s document (`audit.retention`) nor an agreed audit plan says how long claim"
    " {claim} stays open. Propose a plan, and let another approver agree.",
    zh="{programme} 的规则文件（`audit.retention`）和已生效的抽查方案均未规定兑付申请 {claim} 的复查期限。"
    "请提出抽查方案并由另一名审批人同意。",
)
WINDOW_RUNS = declare(
    "claim.window_runs",
    en="Claim {claim} stays open to audits until {until}; today is {today}.",
    zh="兑付申请 {claim} 的复查期至 {until}；今天是 {today}。",
)
STILL_OPEN = declare(
    "claim.still_open",
    en="Claim {claim} cannot be closed: {due} is to come back by clawbacks, {disputes} dispute(s) are open,"
    " {payable} is payable.",
    zh="兑付申请 {claim} 不能关闭：追缴未结 {due}，未决争议 {disputes} 项，应付未付 {payable}。",
)
STATEMENT_NOT_FOUND = declare(
    "bank_statement.not_found",
    en="There is no bank statement {statement}, or none that you may see.",
    zh="没有银行对账单 {statement}，或您无权查看。",
)
STATEMENT_TAKEN = declare(
    "bank_statement.id_taken",
    en="Bank statement {statement} exists with other content. Choose a new id.",
    zh="银行对账单 {statement} 已存在且内容不同。请使用新的编号。",
)
STATEMENT_UNREADABLE = declare(
    "bank_statement.unreadable",
    en="A bank statement is CSV in UTF-8 with the columns {columns} (and, where known, {also}); found:"
    " {found}.",
    zh="银行对账单须为 UTF-8 编码的 CSV，含列 {columns}（如有，另含 {also}）；实际为：{found}。",
)
STATEMENT_LINE = declare(
    "bank_statement.line_wrong",
    en="`{field}` must be {expected}, not `{value}`.",
    zh="“{field}”应为{expected_zh}，而不是“{value}”。",
)
NOT_A_PAYER = declare(
    "bank_statement.not_a_payer",
    en="{payer} has paid nothing on {programme}; payers: {known}.",
    zh="{payer} 未在 {programme} 付款；付款方：{known}。",
)
AMOUNT_DIFFERS = declare(
    "reconcile.amount_differs",
    en="{key}: the books paid {books}, the bank {bank}.",
    zh="{key}：账面支付 {books}，银行支付 {bank}。",
)
NOT_AT_THE_BANK = declare(
    "reconcile.not_at_the_bank",
    en="{key}: the books paid {books}, the bank {bank}: no line of the statement names it.",
    zh="{key}：账面支付 {books}，银行支付 {bank}：对账单中没有对应行。",
)
NOT_IN_THE_BOOKS = declare(
    "reconcile.not_in_the_books",
    en="{key}: the bank paid {bank}, the books {books}: no payment has this reference.",
    zh="{key}：银行支付 {bank}，账面支付 {books}：没有使用该参考号的付款。",
)
PAID_TWICE = declare(
    "reconcile.paid_twice",
    en="{key}: the books paid {books}, all of it found at the bank before; the bank paid {bank} again.",
    zh="{key}：账面支付 {books}，此前已在银行对账单中核对；银行又支付了 {bank}。",
)
PAYEE_DIFFERS = declare(
    "reconcile.payee_differs",
    en="{key}: the books paid {books} to {wanted}, the bank {bank} to {payee}.",
    zh="{key}：账面向 {wanted} 支付 {books}，银行向 {payee} 支付 {bank}。",
)
BOOKS_DIFFER = declare(
    "reconcile.books_differ",
    en="{key}: the ledger says {books}, payments less clawbacks come to {bank}.",
    zh="{key}：总账为 {books}，付款减追缴为 {bank}。",
)
STATEMENT_NOT_UTF8 = declare(
    "bank_statement.not_utf8",
    en="`{name}` is not UTF-8 text. Save it as “CSV UTF-8” and send it again.",
    zh="“{name}”不是 UTF-8 文本。请另存为“CSV UTF-8”后重新上传。",
)
NOT_A_COUNT = declare(
    "audit.not_a_count",
    en="`{value}` is not a number of days. Write a whole number such as 365.",
    zh="“{value}”不是天数。请填写整数，例如 365。",
)
