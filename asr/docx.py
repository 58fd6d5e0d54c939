"""A minimal Word document (ECMA-376 WordprocessingML): a title, lines, and a table whose head repeats."""

import io
import re
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTHS = (1100, 1500, 6700)
"""Of the table's columns, in twentieths of a point: an A4 page between its margins."""
_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="word/document.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow."""


def document(title: str, lines: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The file; the first of `rows` is the table's head, each row as long as `WIDTHS`. Same in, same out."""
    parts = [_paragraph(title, size=32, bold=True)]
    parts += [_paragraph(line, size=20) for line in lines]
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in WIDTHS)
    edges = "".join(
        f'<w:{side} w:val="single" w:sz="4" w:color="999999"/>'
        for side in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    table = "".join(_row(row, head=n == 0) for n, row in enumerate(rows))
    parts.append(
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(WIDTHS)}" w:type="dxa"/><w:tblBorders>{edges}</w:tblBorders>'
        f'<w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{table}</w:tbl>'
    )
    page = (
        '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/>'
        '<w:pgMar w:top="1300" w:right="1300" w:bottom="1300" w:left="1300" '
        'w:header="700" w:footer="700" w:gutter="0"/></w:sectPr>'
    )
    body = (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="{_MAIN}">'
        f"<w:body>{''.join(parts)}<w:p/>{page}</w:body></w:document>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _RELATIONS),
            ("word/document.xml", body),
        ):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text.encode("utf-8"))
    return out.getvalue()


def _row(cells: Sequence[str], *, head: bool) -> str:
    mark = "<w:tblHeader/>" if head else ""
    inside = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>'
        f"{_paragraph(cell, size=21, bold=head)}</w:tc>"
        for cell, width in zip(cells, WIDTHS, strict=True)
    )
    return f"<w:tr><w:trPr><w:cantSplit/>{mark}</w:trPr>{inside}</w:tr>"


def _paragraph(text: str, *, size: int, bold: bool = False) -> str:
    """`size` in half points."""
    weight = "<w:b/>" if bold else ""
    clean = escape(_ILLEGAL.sub("\ufffd", text))
    return (
        '<w:p><w:pPr><w:spacing w:before="40" w:after="40"/></w:pPr><w:r><w:rPr>'
        '<w:rFonts w:eastAsia="SimSun" w:ascii="SimSun" w:hAnsi="SimSun"/>'
        f'{weight}<w:sz w:val="{size}"/></w:rPr><w:t xml:space="preserve">{clean}</w:t></w:r></w:p>'
    )
