"""Files are judged by their content: what is taken, and what pretends, hides or carries a program."""

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.sniffing import DOCX, JPEG, PDF, PNG, TXT, XLSX, FileKind, FileRefused, safe_name, sniff

pytestmark = pytest.mark.unit

TYPES = '<Types><Override PartName="/word/document.xml" ContentType="{}"/></Types>'
PLAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MACRO = "application/vnd.ms-word.document.macroEnabled.main+xml"


def pdf(body: bytes = b"<< /Type /Catalog >>") -> bytes:
    return b"%PDF-1.7\n1 0 obj\n" + body + b"\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def png(extra: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"") + extra


def office(main: str = "word/document.xml", types: str = TYPES.format(PLAIN), **parts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", types)
        package.writestr(main, "<document/>")
        for name, text in parts.items():
            package.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


def packed_objects(objects: bytes) -> bytes:
    data = zlib.compress(objects)
    return pdf(b"<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n" + data + b"\nendstream")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (pdf(), PDF),
        (packed_objects(b"<< /Type /Page >>"), PDF),
        (png(), PNG),
        (b"\xff\xd8\xff\xe0" + b"x" * 50 + b"\xff\xd9", JPEG),
        (office(), DOCX),
        (office("xl/workbook.xml"), XLSX),
        ("答复：已受理。\r\n\t三日内联系。".encode(), TXT),
        ("\ufeff答复".encode(), TXT),
        ("答复：已受理".encode("gb18030"), TXT),
    ],
)
def test_what_is_taken(data: bytes, kind: FileKind) -> None:
    assert sniff(data) is kind


LINK = '<Rs><Relationship Type="http://x/{}" Target="http://evil/" TargetMode="External"/></Rs>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "unknown_kind"),
        (b"\x7fELF\x02\x01\x01\x00", "unknown_kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "unknown_kind"),  # the old Office format, with room for macros
        (b"%PDF-1.7 and no end", "damaged"),
        (pdf(b"<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>"), "active_content"),
        (pdf(b"<< /S /Java#53cript /JS (x) >>"), "active_content"),
        (pdf(b"<< /S /Launch /F (cmd.exe) >>"), "active_content"),
        (packed_objects(b"<< /S /JavaScript /JS (x) >>"), "active_content"),
        (pdf(b"<< /Names << /EmbeddedFiles 2 0 R >> >>"), "active_content"),
        (pdf(b"<< /Encrypt 5 0 R >>"), "encrypted"),
        (png(b"PK\x03\x04 something more"), "trailing_data"),
        (png()[:-12], "damaged"),
        (b"\xff\xd8\xff\xe0 cut off", "damaged"),
        (b"PK\x03\x04 no package", "damaged"),
        (office("readme.txt"), "unknown_kind"),
        (office(types=TYPES.format(MACRO)), "macros"),
        (office(word__vbaProject__bin="x"), "macros"),
        (office(word__embeddings__oleObject1="x"), "macros"),
        (office(**{"word__activeX__activeX1.xml": "x"}), "macros"),
        (office(**{"word___rels__settings.xml.rels": LINK.format("attachedTemplate")}), "active_content"),
        (office("xl/workbook.xml", **{"xl__externalLinks__1.xml": "x"}), "active_content"),
        (office("../word/document.xml"), "damaged"),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        sniff(data)
    assert refused.value.reason == reason


def test_a_hyperlink_in_a_document_waits_for_a_click_and_may_stay() -> None:
    links = {"word___rels__document.xml.rels": LINK.format("hyperlink")}
    assert sniff(office(**links)) is DOCX


def test_a_document_that_unpacks_to_much_is_refused_unread() -> None:
    with pytest.raises(FileRefused, match="too_complex"):
        sniff(office(word__media="0" * 9_000_000))


HEADS = [b"", b"%PDF-", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\xff\xd8\xff"]


@given(st.binary(max_size=300), st.sampled_from(HEADS))
def test_nothing_but_a_refusal_comes_of_rubbish(rest: bytes, head: bytes) -> None:
    try:
        sniff(head + rest)
    except FileRefused as error:
        assert error.reason.isidentifier()


@pytest.mark.parametrize(
    ("given_name", "kind", "name"),
    [
        ("受理通知.pdf", PDF, "受理通知.pdf"),
        ("受理通知.PDF", PDF, "受理通知.pdf"),
        ("照片.jpeg", JPEG, "照片.jpg"),
        ("evil.exe", PDF, "evil.exe.pdf"),
        ("gpj.\u202egnp.exe", PNG, "gpj.gnp.exe.png"),
        ("../../etc/passwd", TXT, "passwd.txt"),
        ("C:\\temp\\答复.docx", DOCX, "答复.docx"),
        ("a\x00b\r\nc.txt", TXT, "abc.txt"),
        ('x";filename="y.html', TXT, "x_;filename=_y.html.txt"),
        ("...", PNG, "png.png"),
        ("长" * 300, TXT, "长" * 120 + ".txt"),
    ],
)
def test_names_are_made_harmless(given_name: str, kind: FileKind, name: str) -> None:
    assert safe_name(given_name, kind) == name


@given(st.text(max_size=200))
def test_no_name_leaves_its_folder_or_breaks_a_header(name: str) -> None:
    made = safe_name(name, PDF)
    assert made.endswith(".pdf")
    assert len(made) <= 124
    assert not set(made) & set('/\\"\r\n\x00')
