"""A page of text, tables and one picture, as Markdown and as reStructuredText."""

import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass

from lens.report.render import escape_markdown, markdown_table

RST = re.compile(r"([\\`*_|<>:\[\]{}\"'@#])")
LOOKS_LIKE_A_LIST = re.compile(r"[^A-Za-z]|\w+[.)]")


@dataclass(frozen=True)
class Section:
    """Plain text in this order: paragraphs, a list, a table (header, rows), a picture's caption."""

    title: str
    paragraphs: Sequence[str] = ()
    points: Sequence[str] = ()
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None
    picture: str | None = None


def escape_rst(text: str) -> str:
    """Text that reStructuredText shows unchanged in a paragraph."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text).split())
    escaped = RST.sub(r"\\\1", line)
    # An escaped space shows nothing and starts no list, enumeration, comment or underline.
    return rf"\ {escaped}" if LOOKS_LIKE_A_LIST.match(line) else escaped


def markdown(title: str, sections: Sequence[Section], picture: str) -> str:
    """The page as Markdown; `picture` is the picture's file name."""
    parts = [f"# {escape_markdown(title)}"]
    for section in sections:
        parts.append(f"## {escape_markdown(section.title)}")
        parts += map(escape_markdown, section.paragraphs)
        if section.points:
            parts.append("\n".join(f"- {escape_markdown(point)}" for point in section.points))
        if section.table:
            header, rows = section.table
            cells = [list(map(escape_markdown, row)) for row in rows]
            parts.append(markdown_table(list(map(escape_markdown, header)), cells).rstrip())
        if section.picture:
            parts.append(f"![{escape_markdown(section.picture)}]({picture})")
    return "\n\n".join(parts) + "\n"


def rst(title: str, sections: Sequence[Section], png: bytes) -> str:
    """The page as reStructuredText with the picture embedded, as Snakemake's report needs it."""
    parts = [_heading(title, "=")]
    for section in sections:
        parts.append(_heading(section.title, "-"))
        parts += map(escape_rst, section.paragraphs)
        if section.points:
            parts.append("\n".join(f"- {escape_rst(point)}" for point in section.points))
        if section.table:
            parts.append(_list_table(*section.table))
        if section.picture:
            # In short lines, because docutils refuses lines above 10,000 characters.
            data = "\n   ".join(encodebytes(png).decode("ascii").split())
            alt = escape_rst(section.picture)
            parts.append(f".. image:: data:image/png;base64,\n   {data}\n   :alt: {alt}")
            parts.append(escape_rst(section.picture))
    return "\n\n".join(parts) + "\n"


def _heading(text: str, line: str) -> str:
    escaped = escape_rst(text)
    return f"{escaped}\n{line * max(4, 2 * len(escaped))}"


def _list_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for row in (header, *rows):
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {escape_rst(cell)}")
    return "\n".join(lines)
