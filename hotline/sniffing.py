"""What a file is, by its content alone; refuses everything but a few kinds that carry no program.

This is no virus scanner: it keeps out programs, macros, active content and files that pretend. A scanner can
be set beside it (`attachments.scan_command`).
"""

import io
import re
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from typing import ClassVar

from hotline.errors import HotlineError

MAX_NAME = 120
MAX_ENTRIES = 2_000
MAX_UNPACKED = 100 * 1024 * 1024
"""Bytes that a document may unpack to."""
MAX_RATIO = 200
MAX_PART = 8 * 1024 * 1024
"""Bytes of one part that is looked into."""
MAX_STREAMS = 20_000
MAX_HEAD = 64 * 1024
"""Bytes in front of a stream in which it must say what it is."""

_PDF_ACTIVE = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData)\b|/XFA\s*[\[\d]"
)
# Long names only: in megabytes of packed pictures every short run of bytes turns up by chance.
_PDF_ESCAPE = re.compile(rb"#([0-9a-fA-F]{2})")
_PDF_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_MACROS = ("vbaproject", "vbadata", "activex", "macrosheets", "oleobject", "/embeddings/", "attachedtoolbars")
_EXTERNAL = re.compile(rb'TargetMode\s*=\s*["\']External["\']')
_HYPERLINK = re.compile(rb'Type\s*=\s*["\'][^"\']*/hyperlink["\']')
_RELATION = re.compile(rb"<[^<>]*Relationship\s[^<>]*>")
_DDE = re.compile(rb"\bDDE(?:AUTO)?\b|ddeLink")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BAD_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')


class FileRefused(HotlineError):
    """The content is none of the kinds that are taken; `reason` is a stable word."""

    code: ClassVar[str] = "file.refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the file is refused: {reason}")


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file that is taken."""

    name: str
    media_type: str
    ending: str


PDF = FileKind("pdf", "application/pdf", ".pdf")
PNG = FileKind("png", "image/png", ".png")
JPEG = FileKind("jpeg", "image/jpeg", ".jpg")
_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = FileKind("docx", _OFFICE + "wordprocessingml.document", ".docx")
XLSX = FileKind("xlsx", _OFFICE + "spreadsheetml.sheet", ".xlsx")
TXT = FileKind("txt", "text/plain; charset=utf-8", ".txt")
KINDS = {kind.name: kind for kind in (PDF, PNG, JPEG, DOCX, XLSX, TXT)}
_ENDINGS = {".jpeg": JPEG, **{kind.ending: kind for kind in KINDS.values()}}


def sniff(data: bytes) -> FileKind:
    """The kind of a whole file. Raises `FileRefused` for anything that is not wholly one of `KINDS`."""
    if not data:
        raise FileRefused("empty")
    if data.startswith(b"%PDF-"):
        return _pdf(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"PK\x03\x04"):
        return _office(data)
    return _text(data)


def safe_name(name: str, kind: FileKind) -> str:
    """What was given as a name, made one: no path, nothing unprintable or turned round, the kind's ending."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    shown = (char for char in name if unicodedata.category(char) not in _UNSHOWN)
    plain = _BAD_NAME.sub("_", "".join(shown)).strip(" .")
    stem, dot, tail = plain.rpartition(".")
    if dot and _ENDINGS.get(f".{tail.lower()}") is kind:
        plain = stem.rstrip(" .")
    return (plain or kind.name)[:MAX_NAME] + kind.ending


def _pdf(data: bytes) -> FileKind:
    if b"%%EOF" not in data[-2048:]:
        raise FileRefused("damaged")
    if b"/Encrypt" in data:
        raise FileRefused("encrypted")  # nobody could see what is in it
    for part in (data, *_pdf_streams(data)):
        plain = _PDF_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), part)
        if _PDF_ACTIVE.search(plain):
            raise FileRefused("active_content")
    return PDF


def _pdf_streams(data: bytes) -> list[bytes]:
    """The unpacked streams that may hold objects, where names can hide from a look at the file."""
    found: list[bytes] = []
    left = MAX_UNPACKED
    for number, begin in enumerate(_PDF_STREAM.finditer(data)):
        if number >= MAX_STREAMS or left <= 0:
            raise FileRefused("too_complex")
        opened = data.rfind(b"obj", max(0, begin.start() - MAX_HEAD), begin.start())
        if opened < 0:
            raise FileRefused("too_complex")
        head = data[opened : begin.start()]
        if b"ObjStm" not in _PDF_ESCAPE.sub(lambda each: bytes([int(each[1], 16)]), head):
            continue
        try:
            unpacked = zlib.decompressobj().decompress(data[begin.end() :], min(left, MAX_PART))
        except zlib.error:
            raise FileRefused("unreadable_objects") from None
        left -= len(unpacked)
        found.append(unpacked)
    return found


def _png(data: bytes) -> FileKind:
    if data[12:16] != b"IHDR":
        raise FileRefused("damaged")
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        at += 12 + length
        if name == b"IEND":
            if at != len(data):
                raise FileRefused("trailing_data")
            return PNG
    raise FileRefused("damaged")


def _jpeg(data: bytes) -> FileKind:
    end = data.rfind(b"\xff\xd9")
    if end < 0:
        raise FileRefused("damaged")
    return JPEG


def _office(data: bytes) -> FileKind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return _package(package)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise FileRefused("damaged") from None


def _package(package: zipfile.ZipFile) -> FileKind:
    entries = package.infolist()
    if len(entries) > MAX_ENTRIES or sum(each.file_size for each in entries) > MAX_UNPACKED:
        raise FileRefused("too_complex")
    for each in entries:
        _entry(each)
    names = {each.filename for each in entries}
    _no_macros(package, names)
    _no_outside(package, names)
    if "word/document.xml" in names:
        if _DDE.search(_part(package, "word/document.xml")):
            raise FileRefused("active_content")
        return DOCX
    if "xl/workbook.xml" in names:
        if any(name.startswith("xl/externalLinks/") for name in names):
            raise FileRefused("active_content")
        return XLSX
    raise FileRefused("unknown_kind")


def _entry(each: zipfile.ZipInfo) -> None:
    if each.flag_bits & 1:
        raise FileRefused("encrypted")
    if each.file_size > MAX_RATIO * max(each.compress_size, 1024):
        raise FileRefused("too_complex")
    if each.filename.startswith("/") or ".." in each.filename.split("/") or "\\" in each.filename:
        raise FileRefused("damaged")


def _no_macros(package: zipfile.ZipFile, names: set[str]) -> None:
    if any(word in f"/{name.lower()}" for name in names for word in _MACROS):
        raise FileRefused("macros")
    if "[Content_Types].xml" not in names:
        raise FileRefused("unknown_kind")
    if b"macroenabled" in _part(package, "[Content_Types].xml").lower():
        raise FileRefused("macros")


def _no_outside(package: zipfile.ZipFile, names: set[str]) -> None:
    """Nothing is fetched from outside on opening; hyperlinks, which wait for a click, may be there."""
    for name in names:
        if not name.endswith(".rels"):
            continue
        for relation in _RELATION.findall(_part(package, name)):
            if _EXTERNAL.search(relation) and not _HYPERLINK.search(relation):
                raise FileRefused("active_content")


def _part(package: zipfile.ZipFile, name: str) -> bytes:
    with package.open(name) as part:
        data = part.read(MAX_PART + 1)
    if len(data) > MAX_PART:
        raise FileRefused("too_complex")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused("unknown_kind")  # UTF-16 would hide words from us; no program writes parts so
    return data


def _text(data: bytes) -> FileKind:
    for encoding in ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text):
            break
        return TXT
    raise FileRefused("unknown_kind")
