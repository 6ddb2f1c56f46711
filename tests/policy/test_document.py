"""The strict reader: what it reads means what any YAML reader says it means, and the rest it refuses."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from tests.policy.documents import scribbles, written

from hesuan.errors import Faults
from hesuan.policy.document import MAX_CHARACTERS, MAX_DEPTH, read
from hesuan.policy.nodes import Mapping, Plain, Scalar, Sequence, plain

PROGRAMME = """\
# A programme
programme: cn.test.2023     # its id
period: {from: 2023-01-12, to: "?"}
budgets:
  - {id: city_year, limit: "10000000.00",
     on_exhaust: "?"}       # over two lines
funding:
- payer: city
  share: 1/2
- payer: 'the province''s'
  share: 1/2
rate: 0.30
flag: no
when: 12:30
link: https://example.org/a#b
"""


def test_every_scalar_stays_text() -> None:
    assert plain(read(PROGRAMME)) == {
        "programme": "cn.test.2023",
        "period": {"from": "2023-01-12", "to": "?"},
        "budgets": [{"id": "city_year", "limit": "10000000.00", "on_exhaust": "?"}],
        "funding": [{"payer": "city", "share": "1/2"}, {"payer": "the province's", "share": "1/2"}],
        "rate": "0.30",
        "flag": "no",
        "when": "12:30",
        "link": "https://example.org/a#b",
    }


def test_every_node_keeps_its_place() -> None:
    root = read(PROGRAMME)
    assert isinstance(root, Mapping)
    budgets = root.get("budgets")
    assert isinstance(budgets, Sequence) and str(budgets.mark) == "5:3"
    [budget] = budgets.items
    assert isinstance(budget, Mapping) and str(budget.mark) == "5:5"
    on_exhaust = budget.get("on_exhaust")
    assert isinstance(on_exhaust, Scalar) and (str(on_exhaust.mark), on_exhaust.quoted) == ("6:18", True)
    assert [str(member.key.mark) for member in root][:3] == ["2:1", "3:1", "4:1"]


REFUSED = [
    # text, line:column, part of the English sentence
    ("", "2:1", "empty"),
    ("# nothing\n", "3:1", "empty"),
    ("just text\n", "1:1", "mapping or a list"),
    ("a: 1\na: 2\n", "2:1", "`a` is written twice"),
    ("a: {b: 1, b: 2}\n", "1:11", "`b` is written twice"),
    ("a:\tb\n", "1:3", "tab"),
    ("a: b\u200bc\n", "1:5", "U+200B"),
    ("a: \u202eb\n", "1:4", "U+202E"),
    ("a: b\x85c\n", "1:5", "U+0085"),
    ("a: &x b\n", "1:4", "Anchors"),
    ("a: *x\n", "1:4", "Aliases"),
    ("a: !!str b\n", "1:4", "Tags"),
    ("a: |\n  b\n", "1:4", "one line"),
    ("a: >\n  b\n", "1:4", "one line"),
    ("a: ?\n", "1:4", '"?"'),
    ("? a\n", "1:1", '"?"'),
    ("a: b\n  c\n", "2:3", "does not belong"),
    ("a: b\n c: d\n", "2:2", "does not belong"),
    ("- a\n b\n", "2:2", "does not belong"),
    ("a: 'b\n  c'\n", "1:4", "not closed on its line"),
    ('a: "b\n', "1:4", "not closed on its line"),
    ('a: "\\x41"\n', "1:5", "escapes"),
    ('a: "\\ud800"\n', "1:5", "escapes"),
    ("a: b: c\n", "1:5", "mapping cannot begin here"),
    ("a: - b\n", "1:4", "list item cannot begin here"),
    ("a: 'b' c\n", "1:8", "Nothing more"),
    ("a: [b] c\n", "1:8", "Nothing more"),
    ("a: 'b'#c\n", "1:7", "space before a comment"),
    ("a:\nb: 1\n", "1:1", "no value"),
    ("a:\n", "1:1", "no value"),
    ("-\n", "1:1", "no value"),
    ("- a\n-\n- b\n", "2:1", "no value"),
    ("a: [b\n", "1:4", "never closed"),
    ("a: {b: c\n", "1:4", "never closed"),
    ("a: [b, , c]\n", "1:8", "before the comma"),
    ("a: [,]\n", "1:5", "before the comma"),
    ("a: [b: c]\n", "1:6", "comma or ]"),
    ("a: {b}\n", "1:6", "colon and a space"),
    ('a: {"b":1}\n', "1:8", "colon and a space"),
    ("a: [b\n  c]\n", "2:3", "comma or ]"),
    ("a: [-]\n", "1:5", "list item cannot begin here"),
    ("a: [http://x?y]\n", "1:13", "needs quotes"),
    ("a: ]\n", "1:4", "closes nothing"),
    ("[a]: b\n", "1:4", "Nothing more"),
    ("a: 1\n[b]: c\n", "2:1", "cannot be a key"),
    ("<<: a\n", "1:1", "not <<"),
    ("--- \na: b\n", "1:1", "one document"),
    ("a: b\n---\nc: d\n", "2:1", "one document"),
    ("a: b\n...\n", "2:1", "one document"),
    ("%YAML 1.2\n", "1:1", "begins with %"),
    ("- a\nb: c\n", "2:1", "does not belong"),
    ("b: c\n- a\n", "2:1", "does not belong"),
    ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "\n", f"1:{4 + MAX_DEPTH - 2}", "levels are nested"),
]


@pytest.mark.parametrize(("text", "place", "says"), REFUSED, ids=[repr(case[0])[:30] for case in REFUSED])
def test_what_is_not_of_the_subset_is_refused_with_its_place(text: str, place: str, says: str) -> None:
    with pytest.raises(Faults) as faults:
        read(text, source="p.yaml")
    fault = faults.value.faults[0]
    assert fault.where == f"p.yaml:{place}"
    assert says in fault.sentence("en")
    assert fault.sentence("zh") != fault.sentence("en")


def test_every_key_written_twice_is_told_at_once() -> None:
    with pytest.raises(Faults) as faults:
        read("a: 1\nb: 2\na: 3\nb: 4\nc: &x 5\n")
    assert [fault.where for fault in faults.value.faults] == ["document:3:1", "document:4:1", "document:5:4"]


def test_a_text_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(Faults) as faults:
        read("a" * (MAX_CHARACTERS + 1))
    assert "262144" in str(faults.value)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert plain(read("\ufeff" + PROGRAMME.replace("\n", "\r\n"))) == plain(read(PROGRAMME))


@settings(max_examples=120, deadline=None)
@given(written())
def test_what_is_written_in_any_style_is_read_back(pair: tuple[Plain, str]) -> None:
    value, text = pair
    assert plain(read(text)) == value


# --- Against a full YAML reader, which is no dependency: where it is missing, these are skipped ---


@settings(max_examples=120, deadline=None)
@given(written())
def test_what_is_written_means_the_same_to_pyyaml(pair: tuple[Plain, str]) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML, the reader compared with, is not installed")
    value, text = pair
    assert yaml.load(text, Loader=yaml.BaseLoader) == value


@settings(max_examples=400, deadline=None)
@given(scribbles)
@example("a: b\n")
@example("key: [a, 'b']\n")
def test_whatever_is_accepted_means_the_same_to_pyyaml(text: str) -> None:
    """One way only: the strict reader refuses much that YAML allows, and never reads it otherwise."""
    yaml = pytest.importorskip("yaml", reason="PyYAML, the reader compared with, is not installed")
    try:
        mine = plain(read(text))
    except Faults:
        return
    assert yaml.load(text, Loader=yaml.BaseLoader) == mine


def test_json_as_programs_write_it_is_read_with_the_digits_it_has() -> None:
    text = '{"a":1.10,"b":[{"c":true},"x:y"],"d":{}}'
    assert plain(read(text, close_colons=True)) == {"a": "1.10", "b": [{"c": "true"}, "x:y"], "d": {}}
    with pytest.raises(Faults):
        read("{a:1.10, b: 2}", close_colons=True)
    with pytest.raises(Faults):
        read(text)
