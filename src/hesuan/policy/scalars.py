"""Scalars as they are written on one line: plain, 'single quoted', "double quoted"."""

from __future__ import annotations

import re

from hesuan.errors import InputFault, declare
from hesuan.policy.nodes import Mark, Scalar

UNREADABLE = declare(
    "document.unreadable",
    en="{what_en}",
    zh="{what_zh}",
)

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t"}
_FLOW = "[]{},"
_REFUSED_STARTS = {
    "&": ("Anchors are not used here; write the value out.", "此处不使用锚点；请直接写出值。"),
    "*": ("Aliases are not used here; write the value out.", "此处不使用别名；请直接写出值。"),
    "!": ("Tags are not used here; every value is text.", "此处不使用标签；所有值都是文本。"),
    "|": ("A value stands on one line; put it in quotes.", "值须写在一行内；请加引号。"),
    ">": ("A value stands on one line; put it in quotes.", "值须写在一行内；请加引号。"),
    "%": ("A value that begins with % needs quotes.", "以 % 开头的值须加引号。"),
    "@": ("A value that begins with @ needs quotes.", "以 @ 开头的值须加引号。"),
    "`": ("A value that begins with ` needs quotes.", "以 ` 开头的值须加引号。"),
    "?": ('What is not known is written "?", in quotes.', '未知的值写作 "?"，带引号。'),
    ":": ("A value that begins with : needs quotes.", "以 : 开头的值须加引号。"),
    "#": ("A value is expected here, not a comment.", "此处应为值，而不是注释。"),
    "[": ("A list cannot be a key; put it in quotes.", "列表不能作键；请加引号。"),
    "{": ("A mapping cannot be a key; put it in quotes.", "映射不能作键；请加引号。"),
    ",": ("A value is expected before the comma.", "逗号前应有值。"),
    "]": ("This bracket closes nothing.", "这个括号没有对应的开括号。"),
    "}": ("This brace closes nothing.", "这个花括号没有对应的开括号。"),
}


def unreadable(source: str, mark: Mark, en: str, zh: str) -> InputFault:
    """The fault of one place that cannot be read."""
    return InputFault(UNREADABLE, where=f"{source}:{mark}", what_en=en, what_zh=zh)


def scan(line: str, column: int, *, number: int, source: str, in_flow: bool) -> tuple[Scalar, int]:
    """Reads the scalar that begins at a column.

    Args:
        line: The whole line.
        column: Where the scalar begins, counted from 0; there is a character there and it is no space.
        number: The line's number, counted from 1.
        source: Name of the text, for faults.
        in_flow: Inside brackets or braces, where ``,[]{}`` end a plain scalar.

    Returns:
        The scalar, and the column behind its last character.

    Raises:
        InputFault: ``document.unreadable``.
    """
    mark = Mark(number, column + 1)
    first = line[column]
    if first == "'":
        return _single(line, column, mark, source)
    if first == '"':
        return _double(line, column, mark, source)
    return _plain(line, column, mark, source, in_flow=in_flow)


def _plain(line: str, column: int, mark: Mark, source: str, *, in_flow: bool) -> tuple[Scalar, int]:
    first, following = line[column], line[column + 1 : column + 2]
    if first in _REFUSED_STARTS:
        raise unreadable(source, mark, *_REFUSED_STARTS[first])
    if first == "-" and (following in ("", " ") or (in_flow and following in _FLOW)):
        raise unreadable(
            source,
            mark,
            "A list item cannot begin here; lists start on a line of their own.",
            "列表项不能从此处开始；列表须另起一行。",
        )
    end = column
    while end < len(line):
        character, after = line[end], line[end + 1 : end + 2]
        if in_flow and character in _FLOW:
            break
        if in_flow and character == "?":
            raise unreadable(
                source,
                Mark(mark.line, end + 1),
                "Inside brackets a value with ? needs quotes.",
                "括号内含 ? 的值须加引号。",
            )
        if character == ":" and (after in ("", " ") or (in_flow and after in _FLOW)):
            break
        if character == "#" and line[end - 1] == " ":
            break
        end += 1
    text = line[column:end].rstrip(" ")
    return Scalar(text, mark), column + len(text)


def _single(line: str, column: int, mark: Mark, source: str) -> tuple[Scalar, int]:
    match = re.compile(r"'((?:[^']|'')*)'").match(line, column)
    if match is None:
        raise unreadable(source, mark, "This quote is not closed on its line.", "这个引号在本行没有闭合。")
    return Scalar(match[1].replace("''", "'"), mark, quoted=True), match.end()


def _double(line: str, column: int, mark: Mark, source: str) -> tuple[Scalar, int]:
    text: list[str] = []
    at = column + 1
    while at < len(line):
        character = line[at]
        if character == '"':
            return Scalar("".join(text), mark, quoted=True), at + 1
        if character == "\\":
            character, at = _escape(line, at, Mark(mark.line, at + 1), source)
        else:
            at += 1
        text.append(character)
    raise unreadable(source, mark, "This quote is not closed on its line.", "这个引号在本行没有闭合。")


def _escape(line: str, at: int, mark: Mark, source: str) -> tuple[str, int]:
    kind = line[at + 1 : at + 2]
    if kind in _ESCAPES:
        return _ESCAPES[kind], at + 2
    match = re.compile(r"u([0-9a-fA-F]{4})").match(line, at + 1)
    if match is None or 0xD800 <= int(match[1], 16) <= 0xDFFF:
        raise unreadable(
            source,
            mark,
            r"The escapes here are \" \\ \/ \n \t and \uXXXX.",
            r"可用的转义只有 \" \\ \/ \n \t 和 \uXXXX。",
        )
    return chr(int(match[1], 16)), match.end()
