"""A strict reader for the part of YAML in which programmes are written.

A programme decides over public money, and its text is evidence. YAML as commonly read guesses types: ``no``
is false, ``1/1`` a string but ``0.30`` a binary float, ``2023-01-12`` a date in one reader and text in
another, ``12:30`` the number 750. It also lets a text refer to itself, repeat a key (the last one wins,
silently) and stretch one value over several lines. Each of these can turn a rule into another that nobody
wrote.

So this reader knows a small part and refuses the rest, with line and column:

- block and flow mappings and sequences, comments, plain and quoted scalars on one line;
- **every scalar stays text**; money, ratios and dates are read by the schema, which knows what to expect;
- refused: anchors, aliases, tags, block scalars, values over several lines, empty values, a key twice,
  ``<<``, a second document, tabs, control characters, and characters that are invisible or turn the reading
  direction, so that what a person sees is what is read;
- every node keeps its place, so that a finding about a *meaning* can still name ``file:line:column``.

Whatever it accepts, a full YAML reader accepts with the same meaning (tested against PyYAML's
``BaseLoader``). And it needs no dependency, so the policy engine runs on a bare installation. What was
refused instead stands in ``docs/decisions/0003-strict-programme-documents.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hesuan.errors import Faults, InputFault, declare
from hesuan.policy.nodes import Mapping, Mark, Member, Node, Scalar, Sequence
from hesuan.policy.scalars import scan, unreadable

MAX_CHARACTERS = 262_144
MAX_KEY_CHARACTERS = 200
MAX_DEPTH = 24

KEY_TWICE = declare(
    "document.key_twice",
    en="`{key}` is written twice in this mapping; the first time in line {first}.",
    zh="“{key}”在同一映射中写了两次；第一次在第 {first} 行。",
)
TOO_LONG = declare(
    "document.too_long",
    en="The text has {size} characters; a document has at most {limit}.",
    zh="文本有 {size} 个字符；文档至多 {limit} 个字符。",
)

_REFUSED_CHARACTER = re.compile(
    "[^\x20-\x7e\xa0-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]"
)
_MARKER = re.compile(r"(---|\.\.\.)( |$)")


def read(text: str, *, source: str = "document", close_colons: bool = False) -> Node:
    """Reads one document, whose root is a mapping or a sequence.

    Args:
        text: The document.
        source: Its name, for faults.
        close_colons: Inside brackets a quoted key's colon needs no space, as programs write JSON.

    Raises:
        Faults: everything found wrong up to the first place that cannot be read.
    """
    if len(text) > MAX_CHARACTERS:
        raise Faults([InputFault(TOO_LONG, where=source, size=len(text), limit=MAX_CHARACTERS)])
    reader = _Reader(text, source, close_colons=close_colons)
    try:
        node = reader.document()
    except InputFault as fault:
        raise Faults([*reader.faults, fault]) from None
    if reader.faults:
        raise Faults(reader.faults)
    return node


class _Reader:
    """A cursor (``row``, ``column``, both from 0) over lines, and what was found wrong so far."""

    def __init__(self, text: str, source: str, *, close_colons: bool = False) -> None:
        self.close_colons = close_colons
        self.source = source
        self.lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
        self.row = 0
        self.column = 0
        self.depth = 0
        self.faults: list[InputFault] = []

    def document(self) -> Node:
        self._refuse_characters()
        if not self._next_content():
            raise self._fault("The document is empty.", "文档是空的。")
        node = self._block()
        if isinstance(node, Scalar):
            raise unreadable(
                self.source, node.mark, "A document is a mapping or a list.", "文档须是映射或列表。"
            )
        if not self._at_end():
            raise self._fault(
                "This line does not belong to what stands above it; look at its indentation.",
                "这一行与上文不相属；请检查缩进。",
            )
        return node

    # --- Blocks: by indentation ---

    def _block(self, *, same_line: bool = False) -> Node:
        """The node at the cursor; afterwards the cursor is at the next content line, or at the end.

        ``same_line``: behind ``key:`` on its line, where neither a list by dashes nor a mapping may begin.
        """
        self._descend()
        character = self._character()
        if self._at_dash() and not same_line:
            node: Node = self._block_sequence()
        elif character in "[{":
            node = self._flow()
            self._end_line()
        else:
            node = self._mapping_or_scalar(same_line=same_line)
        self.depth -= 1
        return node

    def _block_sequence(self) -> Sequence:
        mark, indent = self._mark(), self.column
        items: list[Node] = []
        while not self._at_end() and self.column == indent and self._at_dash():
            dash = self._mark()
            self.column += 1
            if self._skip_spaces():
                items.append(self._block())
            else:
                items.append(self._below(indent, dash))
        return Sequence(tuple(items), mark)

    def _mapping_or_scalar(self, *, same_line: bool) -> Node:
        start = self._mark()
        scalar = self._scalar(in_flow=False)
        if not self._at_colon():
            self._end_line()
            return scalar
        if same_line:
            raise self._fault(
                "A mapping cannot begin here; give it a line of its own, or quote a value with a colon.",
                "映射不能从此处开始；请另起一行，或给含冒号的值加引号。",
            )
        return self._block_mapping(scalar, start)

    def _block_mapping(self, key: Scalar, mark: Mark) -> Mapping:
        indent = mark.column - 1
        members: dict[str, Member] = {}
        while True:
            self._expect_colon(key)
            self._add(members, Member(key, self._member_value(indent, key)))
            if self._at_end() or self.column != indent or self._at_dash():
                return Mapping(tuple(members.values()), mark)
            key = self._scalar(in_flow=False)

    def _member_value(self, indent: int, key: Scalar) -> Node:
        if self._skip_spaces():
            return self._block(same_line=True)
        # A list may stand at its key's own indentation.
        return self._below(indent, key.mark, or_dash=True)

    def _below(self, indent: int, owner: Mark, *, or_dash: bool = False) -> Node:
        """The value that stands on the lines below its key or dash."""
        found = self._next_line()
        if found and (self.column > indent or (or_dash and self.column == indent and self._at_dash())):
            return self._block()
        raise unreadable(
            self.source,
            owner,
            'There is no value here; what is not known is written "?".',
            '此处没有值；未知的值写作 "?"。',
        )

    # --- Flow: by brackets ---

    def _flow(self) -> Node:
        """The bracketed node at the cursor; afterwards the cursor is behind its closing bracket."""
        self._descend()
        mark, opening = self._mark(), self._character()
        self.column += 1
        node: Node
        if opening == "[":
            items: list[Node] = []
            self._flow_items("]", mark, lambda: items.append(self._flow_value()))
            node = Sequence(tuple(items), mark)
        else:
            members: dict[str, Member] = {}
            self._flow_items("}", mark, lambda: self._flow_member(members))
            node = Mapping(tuple(members.values()), mark)
        self.depth -= 1
        return node

    def _flow_items(self, closing: str, opened: Mark, read_item: Callable[[], None]) -> None:
        while True:
            self._flow_space(opened)
            if self._character() == closing:
                break
            read_item()
            self._flow_space(opened)
            if self._character() == ",":
                self.column += 1
            elif self._character() != closing:
                raise self._fault(f"A comma or {closing} is expected here.", f"此处应为逗号或 {closing}。")
        self.column += 1

    def _flow_value(self) -> Node:
        return self._flow() if self._character() in "[{" else self._scalar(in_flow=True)

    def _flow_member(self, members: dict[str, Member]) -> None:
        key = self._scalar(in_flow=True)
        self._expect_colon(key, close=key.quoted and self.close_colons)
        self._flow_space(key.mark)
        self._add(members, Member(key, self._flow_value()))

    def _flow_space(self, opened: Mark) -> None:
        """Moves over spaces, comments and line ends inside brackets."""
        while not self._skip_spaces():
            self.row += 1
            self.column = 0
            if self._at_end():
                raise unreadable(
                    self.source, opened, "What is opened here is never closed.", "此处打开的括号没有闭合。"
                )

    # --- Small steps ---

    def _add(self, members: dict[str, Member], member: Member) -> None:
        key = member.key
        if key.text in members:
            first = members[key.text].key.mark.line
            where = f"{self.source}:{key.mark}"
            self.faults.append(InputFault(KEY_TWICE, where=where, key=key.text, first=first))
        members.setdefault(key.text, member)

    def _scalar(self, *, in_flow: bool) -> Scalar:
        line = self.lines[self.row]
        scalar, self.column = scan(
            line, self.column, number=self.row + 1, source=self.source, in_flow=in_flow
        )
        return scalar

    def _expect_colon(self, key: Scalar, *, close: bool = False) -> None:
        if not (self._at_colon() or (close and self.lines[self.row].startswith(":", self.column))):
            raise self._fault(
                "`key: value` is expected here: a colon and a space.", "此处应为“键: 值”：冒号后加空格。"
            )
        if not 0 < len(key.text) <= MAX_KEY_CHARACTERS or key.text == "<<":
            raise unreadable(
                self.source,
                key.mark,
                f"A key has 1 to {MAX_KEY_CHARACTERS} characters and is not <<.",
                f"键须有 1 至 {MAX_KEY_CHARACTERS} 个字符，且不能是 <<。",
            )
        self.column = self.lines[self.row].index(":", self.column) + 1

    def _at_colon(self) -> bool:
        """Whether a colon, then a space or the line's end, follows; spaces before it are passed over."""
        return re.compile(r" *:(?: |$)").match(self.lines[self.row], self.column) is not None

    def _at_dash(self) -> bool:
        return re.compile(r"-(?: |$)").match(self.lines[self.row], self.column) is not None

    def _character(self) -> str:
        return self.lines[self.row][self.column]

    def _skip_spaces(self) -> bool:
        """Moves over spaces; whether something other than a comment stands on the rest of the line."""
        line, start = self.lines[self.row], self.column
        while self.column < len(line) and line[self.column] == " ":
            self.column += 1
        if self.column == len(line):
            return False
        if line[self.column] != "#":
            return True
        if self.column > start or self.column == 0:
            return False
        raise self._fault("Put a space before a comment.", "注释前须有空格。")

    def _end_line(self) -> None:
        if self._skip_spaces():
            raise self._fault(
                "Nothing more is expected on this line; a value with a colon needs quotes.",
                "本行不应再有内容；含冒号的值须加引号。",
            )
        self._next_line()

    def _next_line(self) -> bool:
        self.row += 1
        return self._next_content()

    def _next_content(self) -> bool:
        """Moves to the first content at or below this row; false at the end of the text."""
        while not self._at_end():
            self.column = 0
            if self._skip_spaces():
                return True
            self.row += 1
        return False

    def _at_end(self) -> bool:
        return self.row >= len(self.lines)

    def _descend(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._fault(f"More than {MAX_DEPTH} levels are nested.", f"嵌套超过 {MAX_DEPTH} 层。")

    def _mark(self) -> Mark:
        return Mark(self.row + 1, self.column + 1)

    def _fault(self, en: str, zh: str) -> InputFault:
        return unreadable(self.source, self._mark(), en, zh)

    def _refuse_characters(self) -> None:
        for number, line in enumerate(self.lines, 1):
            if found := _REFUSED_CHARACTER.search(line):
                name = "A tab" if found[0] == "\t" else f"The character U+{ord(found[0]):04X}"
                name_zh = "制表符" if found[0] == "\t" else f"字符 U+{ord(found[0]):04X}"
                raise unreadable(
                    self.source,
                    Mark(number, found.start() + 1),
                    f"{name} cannot stand in a document; indent with spaces.",
                    f"{name_zh}不能出现在文档中；请用空格缩进。",
                )
            if _MARKER.match(line):
                raise unreadable(
                    self.source,
                    Mark(number, 1),
                    "A file holds one document, without --- or ... lines.",
                    "一个文件只含一份文档，不写 --- 或 ... 行。",
                )
