"""Commands that settle how a file is to be read, as they can be pasted."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePath

from lens.core.errors import LensError
from lens.data.texts.cells import Row

STDIN = "standard input"
ROW_NUMBER = re.compile(r"(?:.*?, )?row (?P<number>\d+)", re.DOTALL)
_user_columns: ContextVar[dict[str, str] | None] = ContextVar(
    "columns that were named", default=None
)
# What reads rows with columns; inside, the readings that refusals offer.
_reader: ContextVar[Callable | None] = ContextVar("what tries commands", default=None)
_refused: ContextVar[list[dict[str, dict[str, str]]] | None] = ContextVar(
    "readings that a tried command was refused with", default=None
)


@contextmanager
def keeping_columns(columns: dict[str, str]) -> Iterator[None]:
    """Commands printed inside keep these columns, which the user named; the outermost counts.
    Refusals without a command get one that shows the row."""
    if _user_columns.get() is not None:
        yield
        return
    token = _user_columns.set(columns)
    try:
        yield
    except LensError as error:
        where = ROW_NUMBER.match(str(error))
        _end_in_a_command(error, look_command(where[0]) if where else "")
        raise
    finally:
        _user_columns.reset(token)


@contextmanager
def read_from(source: str, shows: str = "") -> Iterator[None]:
    """Refusals to read a file, or what `shows` something of, end in a command: their own one, or
    one that shows what is there."""
    try:
        yield
    except LensError as error:
        _end_in_a_command(error, shows or _glance(source, ROW_NUMBER.match(str(error))))
        raise


def _end_in_a_command(error: LensError, shows: str) -> None:
    """Adds a command to a message that ends in a sentence."""
    message = str(error)
    error.args = (f"{message} {shows}".rstrip() if message.endswith(".") else message,)


def _glance(source: str, match: re.Match | None) -> str:
    """The command that shows what is in a file, or what is there in its place."""
    path, name = Path(source), shlex.quote(source)
    shows = f"sed -n {match['number']}p" if match else "head -c 300"
    if source == STDIN:
        return f"Look at it: {shows}"
    if not path.exists():
        existing = next(folder for folder in path.parents if folder.exists())
        return f"Look there: ls {shlex.quote(str(existing))}"
    ending = path.suffix.lower()
    if path.is_file() and ending == ".gz":
        return f"Look at it: gzip -dc {name} | {shows}"
    text = path.is_file() and ending in (".jsonl", ".json", ".csv", ".tsv")
    return f"Look at it: {shows} {name}" if text else f"Look at it: ls -l {name}"


def _with_user_columns(columns: dict[str, str]) -> dict[str, str]:
    """Columns by their names in the file, with those that were named before and still count."""
    before = _user_columns.get() or {}
    still_used = {ours: theirs for ours, theirs in before.items() if ours not in columns.values()}
    return still_used | {ours: before.get(theirs) or theirs for ours, theirs in columns.items()}


def file_of(where: str) -> str | None:
    """The file or Hub dataset in `where`; None for rows that were handed over."""
    name, mark, _ = where.rpartition(", row ")
    return name if mark else None


def command(where: str, columns: dict[str, str], *, renamed: bool = True) -> str:
    """The command that reads the file with these columns, {"ours": "theirs"}; theirs are names that
    columns have once `renamed` as the user asked, or else those of the file."""
    columns_json = json.dumps(
        _with_user_columns(columns) if renamed else columns, ensure_ascii=False
    )
    source = file_of(where)
    if source is None:
        return f"lens.read_pairs(rows, columns={columns_json})"
    if source == STDIN:
        return f"--columns {shlex.quote(columns_json)}"
    hub, _, split = source.rpartition("[")
    if hub and split.endswith("]"):
        hub, _, revision = hub.partition("@")
        pinned = f" --data-revision {shlex.quote(revision)}" if revision else ""
        split = shlex.quote(split[:-1])
        source, columns_json = shlex.quote(hub), shlex.quote(columns_json)
        return f"lens check data {source} --split {split}{pinned} --columns {columns_json}"
    return f"lens check data {shlex.quote(source)} --columns {shlex.quote(columns_json)}"


def either(where: str, readings: dict[str, dict[str, str]]) -> str:
    """What each reading means, with the command that asks for it (all other commands that read
    data take the same --columns); without any, the command that shows the row."""
    if not readings:
        return look_command(where)
    tried = _tried(where, {m: _with_user_columns(columns) for m, columns in readings.items()})
    meanings = [f"{m}: {command(where, columns, renamed=False)}" for m, columns in tried.items()]
    return "Say which (any command that reads data takes --columns). " + " -- ".join(meanings)


@contextmanager
def trying(read: Callable[[dict[str, str]], object]) -> Iterator[None]:
    """Commands printed inside are tried with `read`, which takes columns: those that lead to other
    commands give way to these, and those that lead nowhere are left out where others lead on."""
    if _refused.get() is not None:
        yield
        return
    token = _reader.set(read)
    try:
        yield
    finally:
        _reader.reset(token)


def _tried(where: str, readings: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    read, refused = _reader.get(), _refused.get()
    if refused is not None:
        refused.append(readings)
    if read is None or refused is not None:
        return readings
    leads: dict[str, dict[str, str]] = {}
    for meaning, columns in readings.items():
        inner: list[dict[str, dict[str, str]]] = []
        tokens = _user_columns.set(columns), _refused.set(inner)
        try:
            read(columns)
            leads[meaning] = columns
        except LensError as error:
            further = {
                f"{meaning}, {m}": more
                for m, more in (inner[-1] if inner else {}).items()
                if {*columns.values()} <= {*more.values()}
            }
            leads |= further
            if not further and not str(error).startswith(where):
                leads[meaning] = columns
        finally:
            _user_columns.reset(tokens[0])
            _refused.reset(tokens[1])
    return leads or readings


def look_command(where: str) -> str:
    """The command that shows a row."""
    match = ROW_NUMBER.match(where)
    if match is None:
        return ""
    number, source = int(match["number"]), file_of(match[0])
    if source is None:
        return f"Look at it: print(rows[{number - 1}:{number}])"
    if source == STDIN:
        return f"Look at it: sed -n {number}p"
    rows, name = _rows_of(source)
    row = f"[row for place, row in {rows} if place.endswith({json.dumps(f', row {number}')})]"
    code = f"import sys; from lens.data.sources import read_source; print(*{row})"
    return f"Look at it: python -c {shlex.quote(code)} {shlex.quote(name)}"


def rewrite_command(where: str, change: str, keep: str = "") -> str:
    """The command that writes all rows, or those to `keep`, to a new file; `change` is what a `row`
    becomes. Both are Python."""
    condition = f" if {keep}" if keep else ""
    source = file_of(where)
    if source is None:
        return f"rows = [{change} for row in rows{condition}]"
    rows, name = _rows_of(source)
    stem = name.removesuffix(".gz").rpartition(".")[0] or PurePath(name).name
    in_file, out = shlex.quote(name), shlex.quote(f"{stem}.new.jsonl")
    if source == STDIN:
        rows, in_file, out = "enumerate(map(json.loads, sys.stdin))", "", ""
    code = (
        "import json, sys; from lens.data.sources import read_source; "
        f"{'from lens.data.texts.cells import listed; ' * ('listed(' in change)}"
        f"print(*[json.dumps({change}) for _, row in {rows}{condition}], sep=chr(10))"
    )
    return f"python -c {shlex.quote(code)} {in_file} > {out}".removesuffix("  > ")


def as_tie(where: str, column: str, value: object) -> str:
    """The command that writes "tie" for a label's value in all rows."""
    name = json.dumps((_user_columns.get() or {}).get(column) or column, ensure_ascii=False)
    return rewrite_command(
        where, f'row | {{{name}: "tie"}} if row.get({name}) == {value!r} else row'
    )


def _rows_of(source: str) -> tuple[str, str]:
    """(the call that reads a file or a split of a Hub dataset, its name)."""
    hub, _, split = source.rpartition("[")
    if not (hub and split.endswith("]")):
        return "read_source(sys.argv[1])", source
    name, _, revision = hub.partition("@")
    pinned = f", revision={json.dumps(revision)}" if revision else ""
    return f"read_source(sys.argv[1], split={json.dumps(split[:-1])}{pinned})", name


def column_list(names: Iterable) -> str:
    return str(sorted(map(str, names)))


def placeholders(rows: list[Row], names: list[str], value: float) -> LensError:
    """That scores are the same in all rows."""
    left_out = command(rows[0][0], dict.fromkeys(names, ""))
    return LensError(
        f"{rows[0][0]} and on: `{names[0]}` and `{names[1]}` are {value:g} in all {len(rows)} "
        "rows, so every pair would be a tie. They look like placeholders, not like scores. To "
        f"leave them out and take every `chosen` as better: {left_out}"
    )


def contradicted(rows: list[Row], labels: tuple[str, ...], count: int, pairs: int) -> LensError:
    """That scores speak against a label, in one column or several."""
    where = rows[0][0]
    readings = {"the label is right": {name: name for name in labels}}
    readings |= {"the scores are right, without the label": dict.fromkeys(labels, "")}
    return LensError(
        f"{where} and on: in {count} of {pairs} rows the scores speak against `{labels[0]}`, which "
        f"may mean the opposite. {either(where, readings)}"
    )


def scored_below(rows: list[Row], pair: tuple[str, str], by: list[str], count: int) -> LensError:
    """That most answers that are called better are scored below the other ones."""
    kind = "rank" if "rank" in by[0] else "score"
    scores = dict(zip((f"{kind}_first", f"{kind}_second"), by, strict=True))
    left_out = dict.fromkeys((name.rpartition(".")[0] or name for name in by), "")
    readings = {
        f"`{pair[0]}` is better, whatever the scores": left_out,
        "the scores decide": {"first": pair[0], "second": pair[1]} | scores,
    }
    return LensError(
        f"{rows[0][0]} and on: in {count} of {len(rows)} rows `{pair[0]}` is scored below "
        f"`{pair[1]}` (by `{'` and `'.join(by)}`). {either(rows[0][0], readings)}"
    )
