"""Tables as text: CSV and TSV as programs, spreadsheets and databases write them."""

import csv
import io
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator

from lens.core.errors import LensError

SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
ESCAPE = re.compile(r"\\(\"|\\|\n|N(?=[,;\t\r\n]|$))")
ESCAPED = {'"': '""', "\\": "\\", "\n": "\n", "N": ""}
SINGLE = re.compile(
    r"'[^'\r\n]*'(?:[^'\r\n]'[^'\r\n]*')+\s*$", re.MULTILINE
)  # a header in single quotes
UNNAMED = re.compile(r"unnamed: ?\d+", re.IGNORECASE)


def table_rows(text: str, name: str, mark: str | None) -> Iterator[tuple[str, dict]]:
    """(where, row) of a table, the header's names without outer blanks; rows count from 2.

    `mark` separates the columns; None takes what a first line `sep=;` or the header says. Blanks
    before quotes and quotes escaped by a backslash are read where the plain reading fails. Raises
    LensError naming the row.
    """
    if sep := SEPARATOR_LINE.match(text.split("\n", 1)[0].rstrip("\r")):
        text, mark = text.partition("\n")[2], sep[1]
    text = _line_ends(text)
    mark = mark if mark and mark in text.split("\n", 1)[0] else _delimiter(text)
    error: LensError | None = None
    plain: list[tuple[str, dict]] | None = None
    for attempt, blanks in _attempts(text, mark):
        try:
            rows = _rows(attempt, name, mark, blanks)
        except LensError as failure:
            error = error or failure
            continue
        if blanks or not any(_quoted(cell) for _, row in rows for cell in row.values()):
            return iter(rows)
        plain = plain or rows
    if plain is None and error:
        raise error
    return iter(plain or [])


def _quoted(cell: str) -> bool:
    """Whether quotes are part of a cell because a blank stands before them."""
    return cell[:1] == " " and cell.strip()[:1] == '"' and cell.strip()[-1:] == '"'


def _attempts(text: str, mark: str) -> Iterator[tuple[str, bool]]:
    """(text, whether blanks after a separator count for nothing), the likeliest reading first."""
    yield text, False
    spaced = re.search(rf'{re.escape(mark)} +"', text) is not None
    if spaced:
        yield text, True
    if '\\"' in text:
        yield ESCAPE.sub(lambda match: ESCAPED[match[1]], text), spaced


def _line_ends(text: str) -> str:
    """Where rows end as on Windows, so do the lines inside a field: both are read as "\\n"."""
    header = re.match(r"[^\r\n]*(\r\n|\r|\n)?", text)
    return re.sub("\r\n?", "\n", text) if header and header[1] == "\r\n" else text


def _lines(text: str) -> Iterator[str]:
    return iter(re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text))


def _rows(text: str, name: str, mark: str, blanks: bool) -> list[tuple[str, dict]]:
    csv.field_size_limit(2**31 - 1)
    number, rows = 1, []
    try:
        reader = csv.reader(
            _lines(text),
            delimiter=mark,
            strict=True,
            skipinitialspace=blanks,
            quotechar="'" if SINGLE.match(text) else '"',
        )
        header = next(filter(None, reader), [])
        names = [cell.strip() for cell in header]
        _require_no_doubles(names, name, mark, reader.line_num)
        _require_header(names, name)
        for number, row in enumerate(filter(None, reader), 2):
            where = f"{name}, row {number}"
            if row == header:
                raise LensError(f"{where}: the header stands again. Remove that row.")
            if len(row) != len(names):
                raise LensError(
                    f"{where}: the number of fields differs from the header's. "
                    "Put double quotes round fields that contain commas or line breaks. "
                    f"{_single_quoted(text, mark, name)}Look at it: "
                    f"sed -n {reader.line_num}p {shlex.quote(name)}"
                )
            if not any(cell.strip() for cell in row):
                continue  # as spreadsheets leave behind
            cells = zip(names, row, strict=True)
            rows.append((where, {n: cell for n, cell in cells if n and not UNNAMED.fullmatch(n)}))
    except (csv.Error, ValueError) as error:
        raise LensError(
            f"{name}, after row {number}: not readable as CSV ({error}). Write it again with "
            "quotes doubled inside quotes, or as JSON lines. Look at it: "
            f"sed -n {number},{number + 1}p {shlex.quote(name)}"
        ) from error
    return rows[2:] if len(rows) > 2 and all(map(_is_import_id, rows[1][1].values())) else rows


def _is_import_id(cell: str) -> bool:
    """Whether a cell is of the line that Qualtrics writes below the names and the questions."""
    return re.fullmatch(r'\{"ImportId":\s*".*\}', cell.strip()) is not None


def _require_no_doubles(names: list[str], name: str, mark: str, line: int) -> None:
    """LensError where columns share a name, with the command that numbers them."""
    doubled = {cell for cell in names if cell and names.count(cell) > 1}
    if not doubled:
        return
    seen: Counter[str] = Counter()
    numbered = []
    for cell in names:
        seen[cell] += 1
        numbered.append(f"{cell}_{seen[cell]}" if cell in doubled else cell)
    out = io.StringIO()
    csv.writer(out, delimiter=mark, lineterminator="").writerow(numbered)
    new = shlex.quote(re.sub(r"(\.\w+)$", r".new\1", name))
    lines = f"printf '%s\\n' {shlex.quote(out.getvalue())}; tail -n +{line + 1} {shlex.quote(name)}"
    raise LensError(
        f"{name}, row 1: the name {sorted(doubled)[0]!r:.80} is used twice. With numbers: "
        f"({lines}) > {new}"
    )


def _require_header(names: list[str], name: str) -> None:
    """LensError where the first line is a title above the header."""
    if len(names) > 1 and len([*filter(None, names)]) == 1:
        new = shlex.quote(re.sub(r"(\.\w+)$", r".new\1", name))
        raise LensError(
            f"{name}, row 1: names one column of {len(names)}, so it seems to be a title above the "
            f"header. Without it: tail -n +2 {shlex.quote(name)} > {new}"
        )


def _single_quoted(text: str, mark: str, name: str) -> str:
    """The command that rewrites a table in single quotes, where this seems to be one."""
    if not re.search(rf"(?:^|{re.escape(mark)})'.*?'(?:{re.escape(mark)}|$)", text, re.MULTILINE):
        return ""
    code = (
        f"import pandas, sys; pandas.read_csv(sys.argv[1], sep={json.dumps(mark)}, "
        "quotechar=chr(39), dtype=str).to_csv(sys.argv[2], index=False)"
    )
    new = shlex.quote(re.sub(r"(\.\w+)$", r".new\1", name))
    source = shlex.quote(name)
    return f"If fields are in single quotes: python -c {shlex.quote(code)} {source} {new} -- "


def _delimiter(text: str) -> str:
    """The separator in the header: a comma, a semicolon (Excel in Europe), a tab or a bar, in this
    order."""
    header = io.StringIO(text, newline="").readline()
    names = re.sub(r'"[^"]*"', "", header)
    return next((mark for mark in ",;\t|" if mark in names), ",")
