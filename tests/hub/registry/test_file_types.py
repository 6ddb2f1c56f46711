"""What is taken, and a corpus of files that pretend: each refused, and by the reason meant for it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.registry.files import (
    GOOD,
    HTML,
    SVG,
    XLSX_TYPE,
    archive,
    chunk,
    jpeg,
    locked,
    ofd,
    pdf,
    png,
    says_size,
    xlsx,
)

from hesuan.errors import Faults, InputFault
from hesuan.hub.registry import file_types

LIMIT = 1024 * 1024
PDF, PNG, JPEG, CSV, OFD = "application/pdf", "image/png", "image/jpeg", "text/csv", "application/ofd"
NAME, UNKNOWN, TYPE, CONTENT = (
    "document.name_refused",
    "document.extension_unknown",
    "document.type_disagrees",
    "document.content_disagrees",
)

CORPUS = {
    "a page as a picture": ("a.png", PNG, HTML, CONTENT),
    "a page as a PDF": ("a.pdf", PDF, HTML, CONTENT),
    "a page as a table": ("a.csv", CSV, HTML, CONTENT),
    "a drawing with a script": ("a.svg", "image/svg+xml", SVG, UNKNOWN),
    "a drawing with a script as a picture": ("a.png", PNG, SVG, CONTENT),
    "a drawing with a script as a table": ("a.csv", CSV, SVG, CONTENT),
    "a page inside a picture": ("a.png", PNG, png(chunk(b"tEXt", b"c\0" + HTML)), CONTENT),
    "a page behind a picture": ("a.png", PNG, png() + HTML, CONTENT),
    "bytes behind a picture": ("a.png", PNG, png() + b"MZ\x90", CONTENT),
    "half a picture": ("a.png", PNG, png()[:-6], CONTENT),
    "a script in a photo's comment": ("a.jpg", JPEG, jpeg(b"*/=1;<script>alert(1)</script>"), CONTENT),
    "an archive behind a photo": ("a.jpg", JPEG, jpeg() + archive("a.class"), CONTENT),
    "an archive behind a PDF": ("a.pdf", PDF, pdf() + archive("a.class"), CONTENT),
    "a page at the head of a PDF": ("a.pdf", PDF, pdf(b"%<html><script>\n"), CONTENT),
    "a PDF behind a page": ("a.pdf", PDF, HTML + pdf(), CONTENT),
    "half a PDF": ("a.pdf", PDF, pdf()[:20], CONTENT),
    "a program as a PDF": ("a.pdf", PDF, b"MZ\x90\0" * 300, CONTENT),
    "a program as a table": ("a.csv", CSV, b"MZ\x90\0" * 300, CONTENT),
    "any archive": ("a.zip", "application/zip", archive("a.txt"), UNKNOWN),
    "any archive as a workbook": ("a.xlsx", XLSX_TYPE, archive("a.txt"), CONTENT),
    "a workbook as an invoice": ("a.ofd", OFD, xlsx(), CONTENT),
    "a workbook behind a program": ("a.xlsx", XLSX_TYPE, b"MZ" + xlsx(), CONTENT),
    "a workbook with macros": ("a.xlsx", XLSX_TYPE, xlsx("xl/vbaProject.bin"), CONTENT),
    "a workbook that climbs out": ("a.xlsx", XLSX_TYPE, xlsx("../../etc/cron.d/x"), CONTENT),
    "a workbook with an address of its own": ("a.xlsx", XLSX_TYPE, xlsx("/etc/passwd"), CONTENT),
    "a bomb": ("a.xlsx", XLSX_TYPE, says_size(xlsx(), 2**32 - 2), CONTENT),
    "a workbook under a password": ("a.xlsx", XLSX_TYPE, locked(xlsx()), CONTENT),
    "half a workbook": ("a.xlsx", XLSX_TYPE, xlsx()[:-30], CONTENT),
    "nothing": ("a.pdf", PDF, b"", "document.empty"),
    "a picture declared as a PDF": ("a.png", PDF, png(), TYPE),
    "a picture declared as a page": ("a.png", "text/html", png(), TYPE),
    "a picture called a PDF": ("a.pdf", PDF, png(), CONTENT),
    "no declared type": ("a.pdf", "", pdf(), TYPE),
    "a name that climbs out": ("../../settings.pdf", PDF, pdf(), NAME),
    "a name that climbs out elsewhere": ("..\\..\\boot.pdf", PDF, pdf(), NAME),
    "a name with a null": ("a.exe\0.pdf", PDF, pdf(), NAME),
    "a name that reads backwards": ("fdp.\u202efdp.pdf", PDF, pdf(), NAME),
    "a name of two lines": ('a"\r\nSet-Cookie: x=1.pdf', PDF, pdf(), NAME),
    "a hidden name": (".pdf.pdf", PDF, pdf(), NAME),
    "two extensions, the last a program's": ("invoice.pdf.exe", PDF, pdf(), UNKNOWN),
    "two extensions, the first a program's": ("invoice.exe.pdf", PDF, pdf(), NAME),
    "two extensions, the first a page's": ("invoice.HTML .pdf", PDF, pdf(), NAME),
    "a very long name": ("x" * 200 + ".pdf", PDF, pdf(), NAME),
}


def refused(name: str, declared: str, content: bytes) -> list[str]:
    with pytest.raises(Faults) as faults:
        file_types.recognise(name, declared=declared, content=content, limit_bytes=LIMIT)
    return [fault.code.name for fault in faults.value.faults]


@pytest.mark.parametrize("name", GOOD)
def test_each_kind_is_taken(name: str) -> None:
    declared, content = GOOD[name]
    found = file_types.recognise(name, declared=declared, content=content, limit_bytes=LIMIT)
    assert name.lower().endswith(found.extensions)


@pytest.mark.parametrize("case", CORPUS)
def test_what_pretends_is_refused(case: str) -> None:
    name, declared, content, code = CORPUS[case]
    assert refused(name, declared, content) == [code]


def test_everything_wrong_with_one_file_is_told_at_once() -> None:
    assert refused("../a.exe.pdf", "text/html", HTML) == [NAME, TYPE, CONTENT]


def test_a_file_of_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    content = pdf()
    file_types.recognise("a.pdf", declared=PDF, content=content, limit_bytes=len(content))
    with pytest.raises(InputFault) as fault:
        file_types.recognise("a.pdf", declared=PDF, content=content, limit_bytes=len(content) - 1)
    assert fault.value.code.name == "document.too_large"


def test_an_archive_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten megabytes of one letter in ten kilobytes: judged by what it says of itself, no part opened."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a part was opened")

    content = archive("OFD.xml", content=b"x" * 10_000_000)
    for name in ("open", "read", "extract", "extractall", "testzip"):
        monkeypatch.setattr(f"zipfile.ZipFile.{name}", never)
    assert file_types.recognise("a.ofd", declared=OFD, content=content, limit_bytes=LIMIT).name == "OFD"
    assert refused("a.ofd", OFD, says_size(content, file_types.LONGEST_UNPACKED_BYTES + 1)) == [CONTENT]


def test_a_table_of_contents_of_half_a_million_parts_is_not_read() -> None:
    content = ofd()
    end = content.rindex(b"PK\x05\x06")
    lying = (
        content[: end + 12]
        + (file_types.LONGEST_CONTENTS_BYTES + 1).to_bytes(4, "little")
        + content[end + 16 :]
    )
    assert refused("a.ofd", OFD, lying) == [CONTENT]


@given(st.binary(max_size=300), st.sampled_from(list(GOOD)))
def test_no_bytes_break_the_judgement(content: bytes, name: str) -> None:
    """Any bytes, alone and in place of a good file's tail: judged or refused, never a broken program."""
    declared, good = GOOD[name]
    for tried in (content, good[: len(good) // 2] + content, good[:-1] + content):
        with contextlib.suppress(Faults):
            file_types.recognise(name, declared=declared, content=tried, limit_bytes=LIMIT)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.pdf", "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%20b.pdf"),
        (
            "照.pdf",
            "attachment; filename=\"document.pdf\"; filename*=UTF-8''%E7%85%A7.pdf",
        ),
        ("a';--.pdf", "attachment; filename=\"a_--.pdf\"; filename*=UTF-8''a%27%3B--.pdf"),
    ],
)
def test_a_name_travels_safely(name: str, header: str) -> None:
    assert file_types.content_disposition(name) == header


@given(st.text(min_size=1, max_size=80))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = file_types.content_disposition(name)
    assert header.isascii() and header.isprintable() and header.count('"') == 2
