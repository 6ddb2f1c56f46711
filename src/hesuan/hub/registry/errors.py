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
DAMAGED = declare(
    "document.damaged",
    en="The stored bytes of document {document} are missing or no longer hash to {sha256}."
    " They are not served. The operator restores the documents folder from its backup.",
    zh="文件 {document} 的存储内容缺失，或与哈希 {sha256} 不符，故不予提供。请运营方从备份恢复文件夹。",
)
