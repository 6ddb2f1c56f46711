"""Small files of every kind that is taken, and of kinds that pretend."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*more: bytes) -> bytes:
    """One white pixel."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(more)
        + chunk(b"IDAT", zlib.compress(b"\0\xff"))
        + chunk(b"IEND")
    )


def jpeg(comment: bytes = b"x") -> bytes:
    """Begins and ends as one, with a comment."""
    return b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + b"\xff\xd9"


def pdf(head: bytes = b"") -> bytes:
    """Begins and ends as one."""
    return b"%PDF-1.7\n" + head + b"1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def archive(*names: str, content: bytes = b"x", compressed: bool = True) -> bytes:
    """A ZIP of parts that all hold the same."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as made:
        for name in names:
            made.writestr(name, content)
    return held.getvalue()


def xlsx(*more: str) -> bytes:
    """Its two needed parts, and more."""
    return archive("[Content_Types].xml", "xl/workbook.xml", *more)


def ofd() -> bytes:
    """An invoice as the tax office gives it out: the part every OFD begins with."""
    return archive("OFD.xml", "Doc_0/Document.xml")


def says_size(content: bytes, size: int) -> bytes:
    """An archive whose table of contents says that its first part unpacks to so many bytes."""
    place = content.index(b"PK\x01\x02") + 24
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]


def locked(content: bytes) -> bytes:
    """An archive whose first part says that it is encrypted."""
    place = content.index(b"PK\x01\x02") + 8
    return content[:place] + struct.pack("<H", 1) + content[place + 2 :]


GOOD = {
    "营业执照.pdf": ("application/pdf", pdf()),
    "发票.ofd": ("application/ofd", ofd()),
    "scan.PNG": ("image/png", png()),
    "photo.jpeg": ("image/jpeg", jpeg()),
    "ledger 2026.v2.xlsx": (XLSX_TYPE, xlsx()),
    "lines.csv": ("text/csv; charset=utf-8", "日期,金额\n2026-01-01,12.00\n".encode()),
    "old.csv": ("application/vnd.ms-excel", "日期,金额\n".encode("gb18030")),
}
"""What is taken: name → declared type and content."""
