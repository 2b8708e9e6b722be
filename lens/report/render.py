"""Tables as Markdown, LaTeX and HTML."""

import re
from collections.abc import Sequence
from html import escape

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}
MARKDOWN = "\\`*_{}[]<>#|&~"


def escape_latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def escape_markdown(text: str) -> str:
    line = re.sub("[\n\r\x0b\x0c\x85\u2028\u2029]", " ", text)
    return "".join("\\" + c if c in MARKDOWN else c for c in line)


def number(value: float, digits: int, *, sign: bool = False) -> str:
    """A number with `digits` decimals, or a dash for NaN."""
    if value != value:
        return "-"
    return f"{value:{'+' if sign else ''}.{digits}f}"


def duration(seconds: float) -> str:
    """Seconds as text, in s, min or h."""
    if seconds < 100:
        return f"{max(1, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def size(count: float) -> str:
    """Bytes as text, in decimal units as the Hub shows them."""
    for unit, power in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{count:.0f} B"


def with_interval(mean: float, low: float, high: float, digits: int, *, sign: bool = False) -> str:
    """A mean with its interval as "1.23 [1.10, 1.36]", or a dash for NaN."""
    if mean != mean:
        return "-"
    parts = [number(value, digits, sign=sign) for value in (mean, low, high)]
    return f"{parts[0]} [{parts[1]}, {parts[2]}]"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, padded for reading in a terminal; the first column is left-aligned.

    Cells are Markdown: escape text from data.
    """
    cells = [list(row) for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    rule = [":" + "-" * (widths[0] - 1)] + ["-" * (width - 1) + ":" for width in widths[1:]]
    cells.insert(1, rule)
    lines = []
    for row in cells:
        first, *others = zip(row, widths, strict=True)
        aligned = [first[0].ljust(first[1])] + [cell.rjust(width) for cell, width in others]
        lines.append("| " + " | ".join(aligned) + " |")
    return "\n".join(lines) + "\n"


def latex_table(
    header: Sequence[str], blocks: Sequence[tuple[str, Sequence[Sequence[str]]]], caption: str
) -> str:
    """A LaTeX booktabs table of titled blocks of rows."""
    width = len(header)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
        " & ".join(map(escape_latex, header)) + r" \\",
    ]
    for title, rows in blocks:
        lines += [
            r"\midrule",
            rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape_latex(title)}}}}} \\",
        ]
        lines += [" & ".join(map(escape_latex, row)) + r" \\" for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


STYLE = """body{font:15px/1.45 system-ui,sans-serif;color:#222;margin:1.5em auto;
  max-width:72em;padding:0 1em}
table{border-collapse:collapse;margin:0 0 1.5em;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.4em 0}
th,td{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd;vertical-align:top}
th{border-bottom:2px solid #444}
th:first-child,td:first-child{text-align:left}
.figures{white-space:nowrap}
.note{color:#555;max-width:50em}
.label{margin:.5em 0 0}
.scroll{overflow-x:auto}
pre{white-space:pre-wrap;background:#f5f5f3;padding:.6em;margin:.2em 0}"""


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> str:
    """An HTML table; all cells are escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return (
        f"<div class='scroll'><table><caption>{escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    """A cell of text; cells of figures do not wrap."""
    figures = not any(character.isalpha() for character in text)
    return f"<td{' class=figures' if figures else ''}>{escape(text)}</td>"


def html_page(title: str, body: str) -> str:
    """A self-contained HTML page; `body` is HTML."""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )
