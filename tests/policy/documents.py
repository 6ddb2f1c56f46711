"""Ways to write the same data as a document, and short texts that may or may not be one."""

from __future__ import annotations

from hypothesis import strategies as st

from hesuan.policy.nodes import Plain

INDICATORS = set("-?:,[]{}#&*!|>'\"%@` ")

characters = st.characters(
    min_codepoint=0x20, max_codepoint=0x9FFF, exclude_categories=("C", "Z"), include_characters=" 算力券"
)
texts = st.text(st.one_of(st.sampled_from(" -:#,?[]{}'\"\\/ab01"), characters), min_size=1, max_size=12)
data: st.SearchStrategy[Plain] = st.recursive(
    texts,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(texts.filter(lambda key: key != "<<"), inner, max_size=4),
    ),
    max_leaves=12,
)
documents = data.filter(lambda value: isinstance(value, list | dict) and bool(value))

STYLES = ("plain", "single", "double")


def scalar(text: str, style: str, *, in_flow: bool) -> str:
    """The text in the style asked for, or in quotes where plain would not be read back."""
    if style == "plain" and _may_be_plain(text, in_flow=in_flow):
        return text
    if style == "double":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "'" + text.replace("'", "''") + "'"


def _may_be_plain(text: str, *, in_flow: bool) -> bool:
    forbidden = "[]{},?" if in_flow else ""
    return (
        text[0] not in INDICATORS
        and text[-1] not in " :"
        and ": " not in text
        and " #" not in text
        and not (set(text) & set(forbidden))
        and not (in_flow and ":" in text)
        and not text.startswith(("---", "..."))
    )


class Writer:
    """Writes data as a document; ``draw`` picks styles, indentation and comments."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def write(self, value: Plain) -> str:
        assert isinstance(value, list | dict)
        lines = self.block(value, 0) if value and self.draw(st.booleans()) else [self.flow(value)]
        return "".join(f"{line}{self.comment()}\n" for line in lines)

    def comment(self) -> str:
        return self.draw(st.sampled_from(["", "", "  # said 依", "\n# a line: of its own", "\n"]))

    def style(self) -> str:
        return self.draw(st.sampled_from(STYLES))

    def flow(self, value: Plain) -> str:
        if isinstance(value, str):
            return scalar(value, self.style(), in_flow=True)
        space = self.draw(st.sampled_from(["", " "]))
        if isinstance(value, list):
            return "[" + f",{space}".join(self.flow(item) for item in value) + "]"
        members = [f"{self.flow(key)}: {self.flow(item)}" for key, item in value.items()]
        return "{" + f",{space}".join(members) + "}"

    def block(self, value: Plain, indent: int) -> list[str]:
        """The lines of a block node whose first line begins at ``indent``."""
        pad = " " * indent
        if isinstance(value, str):
            return [pad + scalar(value, self.style(), in_flow=False)]
        if not value or self.draw(st.integers(0, 3)) == 0:
            return [pad + self.flow(value)]
        if isinstance(value, list):
            return [line for item in value for line in self.item(item, indent)]
        return [line for key, item in value.items() for line in self.member(key, item, indent)]

    def item(self, value: Plain, indent: int) -> list[str]:
        gap = self.draw(st.integers(1, 3))
        lines = self.block(value, indent + 1 + gap)
        if self.draw(st.booleans()):
            return [" " * indent + "-" + " " * gap + lines[0].lstrip(" "), *lines[1:]]
        return [" " * indent + "-", *lines]

    def member(self, key: str, value: Plain, indent: int) -> list[str]:
        start = " " * indent + scalar(key, self.style(), in_flow=False) + ":"
        lines = self.block(value, indent + self.draw(st.integers(1, 3)))
        if len(lines) == 1 and not isinstance(value, dict | list):
            return [start + " " + lines[0].lstrip(" ")] if self.draw(st.booleans()) else [start, *lines]
        if (
            isinstance(value, list)
            and value
            and lines[0].lstrip(" ").startswith("-")
            and self.draw(st.booleans())
        ):
            return [start, *self.block_list(value, indent)]
        return [start, *lines]

    def block_list(self, value: list[Plain], indent: int) -> list[str]:
        """A list at its key's own indentation."""
        return [line for item in value for line in self.item(item, indent)]


@st.composite
def written(draw: st.DrawFn) -> tuple[Plain, str]:
    """Data, and one way to write it."""
    value = draw(documents)
    return value, Writer(draw).write(value)


PIECES = (
    "a",
    "b",
    "key",
    ": ",
    ":",
    " ",
    "  ",
    "- ",
    "-",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ",",
    "#",
    " # c",
    "'",
    '"',
    "''",
    "\\",
    "\n",
    "\n  ",
    "\n- ",
    "\n    ",
    "?",
    "? ",
    "&a",
    "*a",
    "!t",
    "|",
    ">",
    "%",
    "@",
    "`",
    "---",
    "...",
    "<<",
    "1",
    "~",
    "null",
    "0x1",
    "算",
    "\t",
    "\r\n",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "http://x",
    "\\n",
    "\\u4e00",
)
scribbles = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
"""Texts made of the pieces that documents, and mistakes in them, are made of."""
