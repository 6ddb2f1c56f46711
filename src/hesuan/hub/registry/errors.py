"""What the registry refuses, in both languages."""

from __future__ import annotations

from hesuan.errors import declare

ROLE_MISSING = declare(
    "registry.role_missing",
    en="{verb} needs the role {role} in {organisation}, which {name} does not hold. Ask somebody who does.",
    zh="{verb_zh}需要在 {organisation} 中持有角色 {role}，{name} 没有该角色。请联系持有者办理。",
)
DOCUMENT_NOT_FOUND = declare(
    "registry.document_not_found",
    en="There is no document {document}, or none that you may see.",
    zh="没有文件 {document}，或您无权查看。",
)
DOCUMENT_TAKEN = declare(
    "registry.document_taken",
    en="Document {document} exists with other content. Choose a new id.",
    zh="文件 {document} 已存在且内容不同。请使用新的编号。",
)
NAME_REFUSED = declare(
    "document.name_refused",
    en="A file cannot be called `{name}` here: {reason}. Rename it and send it again.",
    zh="文件名“{name}”不可用：{reason_zh}。请改名后重新上传。",
)
EXTENSION_UNKNOWN = declare(
    "document.extension_unknown",
    en="`{name}` does not end in one of {known}. Save the file as one of these kinds.",
    zh="“{name}”的扩展名不在 {known} 之中。请另存为其中一种格式。",
)
TYPE_DISAGREES = declare(
    "document.type_disagrees",
    en="`{name}` is sent as {declared}, but {extension} files are {expected}. Send the right type.",
    zh="“{name}”声明的类型为 {declared}，而 {extension} 文件应为 {expected}。请发送正确的类型。",
)
CONTENT_DISAGREES = declare(
    "document.content_disagrees",
    en="`{name}` does not hold what {extension} files hold: {reason}. Export it anew and send that.",
    zh="“{name}”的内容与 {extension} 格式不符：{reason_zh}。请重新导出后上传。",
)
EMPTY = declare(
    "document.empty",
    en="`{name}` is empty. Was it saved completely?",
    zh="“{name}”是空文件。请检查是否已完整保存。",
)
TOO_LARGE = declare(
    "document.too_large",
    en="`{name}` has {size_bytes} bytes or more; a document has at most {limit_bytes}. Split or compress it.",
    zh="“{name}”不小于 {size_bytes} 字节；单个文件最多 {limit_bytes} 字节。请拆分或压缩。",
)
TOO_MANY = declare(
    "document.too_many",
    en="{organisation} has {count} documents; {limit} is the limit. Ask the platform's operator to raise it.",
    zh="{organisation} 已有 {count} 份文件，上限为 {limit}。请联系平台运营方提高上限。",
)
TOO_MUCH = declare(
    "document.too_much",
    en="With this file {organisation} would have {size_bytes} bytes of documents; {limit_bytes} is the limit."
    " Ask the platform's operator to raise it.",
    zh="加上此文件，{organisation} 的文件共 {size_bytes} 字节，上限 {limit_bytes}。请联系运营方提高上限。",
)
DAMAGED = declare(
    "document.damaged",
    en="The stored bytes of document {document} are missing or no longer hash to {sha256}."
    " They are not served. The operator restores the documents folder from its backup.",
    zh="文件 {document} 的存储内容缺失，或与哈希 {sha256} 不符，故不予提供。请运营方从备份恢复文件夹。",
)

ENTRY_NOT_FOUND = declare(
    "registry.entry_not_found",
    en="There is no entry {entry} on record, or none that you may see.",
    zh="档案中没有记录 {entry}，或您无权查看。",
)
ENTRY_TAKEN = declare(
    "registry.entry_taken",
    en="Entry {entry} exists with other content. Choose a new id.",
    zh="记录 {entry} 已存在且内容不同。请使用新的编号。",
)
FACT_UNKNOWN = declare(
    "registry.fact_unknown",
    en="`{fact}` is not a fact of organisations. Known ones: {known}.",
    zh="“{fact}”不是组织事实。可用的有：{known}。",
)
FACT_WRONG_TYPE = declare(
    "registry.fact_wrong_type",
    en="`{value}` is not a {type}, which `{fact}` is.",
    zh="“{value}”不是 {type}，而“{fact}”的类型是 {type}。",
)
NOT_ONE_OF = declare(
    "registry.not_one_of",
    en="`{value}` is not one of: {known}.",
    zh="“{value}”不在可选值之中：{known}。",
)
TEXT_MISSING = declare(
    "registry.text_missing",
    en="`{field}` is needed: 1 to {longest} characters.",
    zh="须填写“{field}”：1 至 {longest} 个字符。",
)
ENDS_BEFORE = declare(
    "registry.ends_before",
    en="It would end on {expires_on}, before it begins on {valid_from}.",
    zh="截止日 {expires_on} 早于开始日 {valid_from}。",
)
ONE_COUNTERPART = declare(
    "registry.one_counterpart",
    en="A {kind} leads to one thing: {wanted}.",
    zh="{kind} 须且只须指明：{wanted}。",
)
RATIO_WRONG = declare(
    "registry.ratio_wrong",
    en="`{value}` is not a share. Write percent above 0 and up to 100, with at most four decimals.",
    zh="“{value}”不是持股比例。请写大于 0、不超过 100 的百分数，最多四位小数。",
)
AMOUNT_WRONG = declare(
    "registry.amount_wrong",
    en="An amount of aid is from 1 to {limit} fen, not {value}.",
    zh="资助金额须为 1 至 {limit} 分，而不是 {value}。",
)
NUMBER_MISSING = declare(
    "registry.number_missing",
    en="Aid for one {scope} needs that {scope}'s number (`{field}`).",
    zh="范围为 {scope} 的资助须填写其编号（`{field}`）。",
)
FOREIGN_DOCUMENT = declare(
    "registry.foreign_document",
    en="Document {document} belongs to another organisation than {organisation}.",
    zh="文件 {document} 不属于 {organisation}。",
)
SAME_PERSON = declare(
    "registry.same_person",
    en="{name} entered {entry}; {verb} needs another person.",
    zh="{name} 录入了 {entry}；{verb_zh}须由另一人进行。",
)
OWN_ORGANISATION = declare(
    "registry.own_organisation",
    en="{name} belongs to {organisation}, whom it concerns; {verb} needs somebody outside it.",
    zh="{name} 属于当事方 {organisation}；{verb_zh}须由其外部人员进行。",
)
WRONG_STATE = declare(
    "registry.wrong_state",
    en="Entry {entry} is {state}; it cannot become {to}.",
    zh="记录 {entry} 的状态为 {state}，不能变为 {to}。",
)
KEY_UNUSABLE = declare(
    "registry.key_unusable",
    en="{path} does not hold the registry's key (32 bytes in hexadecimal, mode 600). Restore it from a"
    " backup: with another key nothing entered before would match.",
    zh="{path} 不含档案密钥（32 字节十六进制，权限 600）。请从备份恢复：换用新密钥后，"
    "此前录入的内容将无法比对。",
)
