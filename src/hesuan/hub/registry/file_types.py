"""What a file is, judged by its bytes. Pure.

A document goes from a stranger to an official, who opens it. So it is one of six kinds; name, declared type
and content agree; and it is nothing else at the same time: no web page in a picture, no archive behind a PDF.
Archives (XLSX, OFD) are judged by their table of contents alone and never unpacked. This is no virus scanner.
"""

from __future__ import annotations

import io
import re
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from hesuan.errors import Faults, InputFault
from hesuan.hub.registry import errors

LONGEST_NAME = 150
LONGEST_UNPACKED_BYTES = 200 * 1024 * 1024
"""What an archive says it holds [byte]; more is a bomb or a mistake."""
LONGEST_CONTENTS_BYTES = 2 * 1024 * 1024
"""An archive's table of contents [byte]: thousands of parts, not hundreds of thousands."""
_HEAD = 1024

Wrong = tuple[str, str]
"""Why a content is not of a kind, in English and in Chinese."""


@dataclass(frozen=True, slots=True)
class FileType:
    """One kind of file that is taken."""

    name: str
    media_type: str
    extensions: tuple[str, ...]
    wrong: Callable[[bytes], Wrong | None]
    aliases: tuple[str, ...] = ()
    """What browsers say instead, having no better word."""


# --- Contents ---

_MARKUP = re.compile(rb"<script|<html|<!doctype html|<\?php|<svg\s+xmlns|<iframe\s", re.IGNORECASE)
_MARKUP_AT_HEAD = re.compile(rb"<(script|html|!doctype|\?php|svg|iframe|body|head|\?xml)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_NOT_BEGUN: Wrong = ("it does not begin as one", "文件头不符")
_NOT_ENDED: Wrong = ("it does not end as one; something is cut off or added", "文件尾不符，内容被截断或附加")
_ALSO_MARKUP: Wrong = ("it also reads as a web page", "其中含有网页代码")
_ALSO_ARCHIVE: Wrong = ("an archive is appended to it", "其后附有压缩包")
_NOT_TEXT: Wrong = ("it is not text in UTF-8 or GB 18030", "不是 UTF-8 或 GB 18030 文本")
_NOT_AN_ARCHIVE: Wrong = ("its inner archive cannot be read", "内部压缩包无法读取")
_BOMB: Wrong = ("it says that it unpacks to far more than a document", "声明的解压大小远超正常文件")
_LOCKED: Wrong = ("it is protected by a password", "文件设有密码")
_BAD_PART: Wrong = ("a part of it names a place outside it", "内部部件的路径越界")
_MACROS: Wrong = ("it holds macros", "其中含有宏")


def _picture(begins: bytes, content: bytes) -> Wrong | None:
    if not content.startswith(begins):
        return _NOT_BEGUN
    if _MARKUP.search(content):
        return _ALSO_MARKUP
    return _ALSO_ARCHIVE if _archive_end(content) is not None else None


def _png(content: bytes) -> Wrong | None:
    """The chunks are walked, none is decoded: IHDR first, IEND last, and nothing behind it."""
    if wrong := _picture(b"\x89PNG\r\n\x1a\n", content):
        return wrong
    if content[12:16] != b"IHDR":
        return _NOT_BEGUN
    place = 8
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        place += 12 + length
        if kind == b"IEND":
            return None if place == len(content) else _NOT_ENDED
    return _NOT_ENDED


def _jpeg(content: bytes) -> Wrong | None:
    if wrong := _picture(b"\xff\xd8\xff", content):
        return wrong
    return None if b"\xff\xd9" in content else _NOT_ENDED


def _pdf(content: bytes) -> Wrong | None:
    if not re.match(rb"%PDF-[12]\.\d", content):
        return _NOT_BEGUN
    if b"%%EOF" not in content[-_HEAD:]:
        return _NOT_ENDED
    if _MARKUP_AT_HEAD.search(content[:_HEAD]):
        return _ALSO_MARKUP
    return _ALSO_ARCHIVE if _archive_end(content) is not None else None


def _csv(content: bytes) -> Wrong | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            return _NOT_TEXT
    if _CONTROLS.search(text) or content.startswith(b"%PDF"):
        return _NOT_TEXT
    return _ALSO_MARKUP if _MARKUP.search(content) or _MARKUP_AT_HEAD.search(content[:_HEAD]) else None


def _archive(content: bytes, needed: frozenset[str]) -> Wrong | None:
    if not content.startswith(b"PK\x03\x04"):
        return _NOT_BEGUN
    parts = _table_of_contents(content)
    if parts is None:
        return _NOT_AN_ARCHIVE
    names = {part.filename.replace("\\", "/") for part in parts}
    faults = (
        (not needed <= names, _NOT_BEGUN),
        (any(name.startswith("/") or ".." in name.split("/") for name in names), _BAD_PART),
        (any(part.flag_bits & 1 for part in parts), _LOCKED),
        (sum(part.file_size for part in parts) > LONGEST_UNPACKED_BYTES, _BOMB),
        (any(name.lower().endswith("vbaproject.bin") for name in names), _MACROS),
    )
    return next((wrong for found, wrong in faults if found), None)


def _xlsx(content: bytes) -> Wrong | None:
    return _archive(content, frozenset({"[Content_Types].xml", "xl/workbook.xml"}))


def _ofd(content: bytes) -> Wrong | None:
    return _archive(content, frozenset({"OFD.xml"}))


def _archive_end(content: bytes) -> int | None:
    """Where an archive's last record begins, if there is one within a comment's reach of the end."""
    place = content.rfind(b"PK\x05\x06", max(0, len(content) - 65_557))
    return place if place >= 0 and place + 22 <= len(content) else None


def _table_of_contents(content: bytes) -> list[zipfile.ZipInfo] | None:
    """What an archive says it holds; ``None`` where that cannot be read, or is itself too long to read."""
    end = _archive_end(content)
    if end is None or content[max(0, end - 20) : end - 16] == b"PK\x06\x07":
        return None  # no archive, or one of more than 4 GiB by its own words
    (size,) = struct.unpack_from("<I", content, end + 12)
    if size > LONGEST_CONTENTS_BYTES:
        return None
    try:
        return zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error):
        return None


TYPES = (
    FileType("PDF", "application/pdf", (".pdf",), _pdf),
    FileType("OFD", "application/ofd", (".ofd",), _ofd, ("application/octet-stream",)),
    FileType("PNG", "image/png", (".png",), _png),
    FileType("JPEG", "image/jpeg", (".jpg", ".jpeg"), _jpeg),
    FileType(
        "XLSX",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        (".xlsx",),
        _xlsx,
    ),
    FileType("CSV", "text/csv", (".csv",), _csv, ("application/vnd.ms-excel",)),
)
EXTENSIONS = tuple(extension for one in TYPES for extension in one.extensions)
_ACTIVE = re.compile(
    r"(asp|aspx|bat|cmd|com|cpl|dll|exe|hta|html?|jar|jse?|jsp|lnk|mht|msi|php|pif|ps1|py|scr|sh|svgz?"
    r"|vb[es]?|wsf?|xhtml|xll|xlsm|xml)"
)
"""What a name must not carry before its last extension either: some programs hide the last one."""


# --- Names ---


def normal_name(name: str) -> str:
    """The name composed (NFC) and without blanks around it."""
    return unicodedata.normalize("NFC", name).strip()


def wrong_with_name(name: str) -> Wrong | None:
    """Why a file must not be called so; the name is composed already."""
    if not 0 < len(name) <= LONGEST_NAME:
        return f"a name has 1 to {LONGEST_NAME} characters", f"长度须为 1 至 {LONGEST_NAME} 个字符"
    if any(letter in '/\\:*?"<>|' for letter in name):
        return "it holds a character of paths or of commands", "含有路径或命令字符"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name):
        return "it holds invisible characters", "含有不可见字符"
    if name.startswith(".") or name.endswith("."):
        return "it begins or ends with a dot", "以点开头或结尾"
    if any(_ACTIVE.fullmatch(part.strip().lower()) for part in name.split(".")[1:-1]):
        return (
            "it has two extensions, and the first is a program's or a page's",
            "含双重扩展名，且前一个为程序或网页",
        )
    return None


def content_disposition(name: str) -> str:
    """``attachment`` and the name twice: ASCII for old programs, UTF-8 for all (RFC 6266, RFC 8187)."""
    stem, dot, extension = re.sub(r"[^A-Za-z0-9._-]+", "_", name).rpartition(".")
    plain = f"{stem.strip('._') or 'document'}{dot}{extension}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


# --- All together ---


def recognise(name: str, *, declared: str, content: bytes, limit_bytes: int) -> FileType:
    """The kind of an uploaded file.

    Args:
        name: What the sender calls it, composed (:func:`normal_name`).
        declared: The media type the sender says it has; parameters are ignored.
        content: All of it, or its first ``limit_bytes + 1`` bytes.
        limit_bytes: The largest file taken.

    Raises:
        Faults: everything that is wrong with name, type and content: ``document.name_refused``,
            ``document.extension_unknown``, ``document.type_disagrees``, ``document.empty``,
            ``document.content_disagrees``.
        InputFault: ``document.too_large``.
    """
    shown = name[:60]
    if len(content) > limit_bytes:
        raise InputFault(
            errors.TOO_LARGE, where="content", name=shown, size_bytes=len(content), limit_bytes=limit_bytes
        )
    faults = []
    if wrong := wrong_with_name(name):
        faults.append(
            InputFault(
                errors.NAME_REFUSED, where="file_name", name=shown, reason=wrong[0], reason_zh=wrong[1]
            )
        )
    extension = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    found = next((one for one in TYPES if extension in one.extensions), None)
    if found is None:
        known = " ".join(EXTENSIONS)
        faults.append(InputFault(errors.EXTENSION_UNKNOWN, where="file_name", name=shown, known=known))
        raise Faults(faults)
    told = declared.partition(";")[0].strip().lower()
    if told not in (found.media_type, *found.aliases):
        faults.append(
            InputFault(
                errors.TYPE_DISAGREES,
                where="media_type",
                name=shown,
                declared=told[:100] or "–",
                extension=extension,
                expected=found.media_type,
            )
        )
    if not content:
        faults.append(InputFault(errors.EMPTY, where="content", name=shown))
    elif wrong := found.wrong(content):
        faults.append(
            InputFault(
                errors.CONTENT_DISAGREES,
                where="content",
                name=shown,
                extension=extension,
                reason=wrong[0],
                reason_zh=wrong[1],
            )
        )
    if faults:
        raise Faults(faults)
    return found
