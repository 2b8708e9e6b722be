"""Reads rows from where people keep them: JSONL, Parquet, CSV or the Hugging Face Hub.

Every row comes with where it is ("file, row 7"), so that a later complaint can say where to look.
"""

import gzip
import re
import shlex
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from lens.core.errors import LensError, printable
from lens.data.texts import cells
from lens.data.texts.cells import require_distinct
from lens.data.texts.cures import STDIN, file_of, read_from
from lens.data.texts.objects import rows_in
from lens.data.texts.tables import table_rows
from lens.files.artifacts import require_file

Row = cells.Row
parse_json = cells.parse_json
JSON_LINES = (".jsonl", ".jsonl.gz")
SUFFIXES = (*JSON_LINES, ".json", ".parquet", ".csv", ".tsv")
UNPACKED = {"gz": "gzip -dc", "zst": "zstd -dc", "bz2": "bzip2 -dc", "xz": "xz -dc"}
UNPACKED |= {"zip": "unzip -p"}
TO_PARQUET = "import datasets as d, sys; d.Dataset.from_file(sys.argv[1]).to_parquet(sys.argv[2])"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def read_source(source: str, *, split: str = "train", revision: str | None = None) -> list[Row]:
    """All rows of a local file or, where there is none of that name, of a Hub dataset's split.

    A name that ends like a file is never looked for on the Hub. Raises LensError.
    """
    path = Path(source)
    if (path.exists() and not path.is_dir()) or path.name.lower().endswith(SUFFIXES):
        return read_rows(path)
    if path.is_dir() or HUB_ID.fullmatch(str(source)):
        return read_hub_rows(str(source), revision, split)
    with read_from(str(source)):
        raise LensError(
            f"{source}: no such file, and no Hub dataset id (organisation/name). Check the path."
        )


def read_rows(path: str | Path) -> list[Row]:
    """All rows of a local file as (where, row); rows are numbered from 1 as editors number lines.

    Reads .jsonl, .jsonl.gz, .json (a list), .parquet, .csv and .tsv. Raises LensError naming file
    and row when something cannot be read.
    """
    with read_from(str(path)):
        return _file_rows(require_file(path))


def _file_rows(path: Path) -> list[Row]:
    where, name = printable(str(path)), path.name.lower()
    if name.endswith(JSON_LINES):
        rows = list(jsonl_rows(path))
    elif name.endswith(".json"):
        rows = _json_file(path, where)
    elif name.endswith(".parquet"):
        rows = _numbered(where, _parquet_rows(path, where))
    elif name.endswith((".csv", ".tsv")):
        rows = list(_table(path, where))
    else:
        raise LensError(
            f"{where}: unknown file type. Use {', '.join(SUFFIXES)}. {_other_type(where)}".rstrip()
        )
    if not rows:
        raise LensError(f"{where}: the file has no rows.")
    return rows


def _other_type(name: str) -> str:
    """The command that makes one of the types that are read of a file of another one."""
    stem, _, ending = name.rpartition(".")
    if ending == "zip" and not stem.lower().endswith(SUFFIXES):
        return f"Unpack it: unzip {shlex.quote(name)}"
    if ending in UNPACKED:
        return f"Unpack it: {UNPACKED[ending]} {shlex.quote(name)} > {shlex.quote(stem)}"
    if ending in ("ndjson", "jsonlines", "txt"):
        return f"If it holds JSON lines: cp {shlex.quote(name)} {shlex.quote(f'{stem}.jsonl')}"
    if ending == "arrow":
        new = shlex.quote(f"{stem}.parquet")
        return f"From Arrow: python -c {shlex.quote(TO_PARQUET)} {shlex.quote(name)} {new}"
    if not ending.startswith(("xls", "ods")):
        return ""
    code = "import pandas, sys; pandas.read_excel(sys.argv[1]).to_csv(sys.argv[2], index=False)"
    source, new = shlex.quote(name), shlex.quote(f"{stem}.csv")
    return (
        "From Excel: save as CSV UTF-8, or with pandas and openpyxl: "
        f"python -c {shlex.quote(code)} {source} {new}"
    )


def read_hub_rows(hub: str, revision: str | None, split: str) -> list[Row]:
    """All rows of one split of a Hub dataset, at a pinned revision, as (where, row).

    Read from the cache alone where HF_HUB_OFFLINE is set. Raises LensError.
    """
    pinned = f"{hub}@{revision}" if revision else hub
    with read_from(hub, f"Download it: lens prefetch --datasets {shlex.quote(pinned)}"):
        return _numbered(f"{pinned}[{split}]", list(load_hub(hub, revision, split)))


def load_hub(hub: str, revision: str | None, split: str | None = None) -> Any:
    """A split of a Hub dataset, or all by name, in the form of the library `datasets`."""
    from lens.files.hub import dataset_folder
    from lens.files.hub_datasets import load_folder

    folder = dataset_folder(hub, revision)
    try:
        return load_folder(folder, hub, split)
    except LensError:
        raise
    except Exception as error:  # each of its file types has errors of its own
        raise LensError(
            f"dataset {hub} (revision {revision}, split {split}) cannot be loaded: {error} "
            "Check its id and splits, or give a local file instead."
        ) from error


def row_number(where: str) -> str:
    return where.rpartition("row ")[2]


def row_id(where: str, row: dict) -> object:
    """The row's id, or its number where it has none."""
    row_key = row.get("id")
    return row_number(where) if row_key is None or row_key == "" or row_key != row_key else row_key


def _numbered(name: object, rows: list[dict]) -> list[Row]:
    return [(f"{name}, row {number}", row) for number, row in enumerate(rows, 1)]


def jsonl_rows(path: Path) -> Iterator[Row]:
    """(where, row) of a .jsonl or .jsonl.gz file, one after another."""
    with read_from(str(path)), _open(path) as file:
        yield from json_rows(file, printable(str(path)))


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    try:
        return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")
    except OSError as error:
        raise LensError(f"{printable(str(path))}: cannot be read ({error.strerror}).") from error


def json_rows(lines: Iterable[bytes], name: str) -> Iterator[Row]:
    """(where, row) of JSON lines as they come, empty lines left out. LensError naming the row."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if text := _text(line, name, number, "row").strip():
                yield f"{name}, row {number}", _json_object(text, f"{name}, row {number}")
    except (EOFError, zlib.error, OSError) as error:
        raise LensError(
            f"{name}, after row {number}: cannot be read ({error}). "
            "Make sure that the file is whole."
        ) from error


def _text(raw: bytes, name: str, first: int = 1, unit: str = "line") -> str:
    """Text in UTF-8 that begins with line `first` of a file; LensError naming the line."""
    try:
        text = raw.removeprefix(BOM_UTF8 if first == 1 else b"").decode("utf-8")
    except UnicodeDecodeError as error:
        line = first + error.object.count(b"\n", 0, error.start)
        raise LensError(
            f"{name}, {unit} {line}: not in UTF-8 ({error.reason}). Save it as UTF-8 (in Excel, "
            f'"CSV UTF-8" among the file types), or: {_recoded(raw, name)}'
        ) from error
    if "\0" in text:
        line = first + text.count("\n", 0, text.index("\0"))
        raise LensError(
            f"{name}, {unit} {line}: holds NUL, as UTF-16 and damaged files do. Save it as UTF-8."
        )
    return text


def _recoded(raw: bytes, name: str) -> str:
    """The command that writes a file in UTF-8, from UTF-16 or from Windows' Western letters."""
    code = "UTF-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "CP1252"
    return _rewritten(name, f"iconv -f {code} -t UTF-8", Path(name).suffix)


def _json_object(line: str, where: str) -> dict:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise LensError(
            f"{where}: not valid JSON ({error}). Each line must be one object. "
            f"{_cure(line, error, where)}".rstrip()
        ) from error
    if not isinstance(value, dict):
        listed = f" One list of objects is read as .json: {_rewritten(where, 'cat', '.json')}"
        raise LensError(
            f"{where}: a JSON object is needed, not {type(value).__name__}."
            f"{listed if isinstance(value, list) else ''}"
        )
    return value


def _cure(line: str, error: ValueError, where: str) -> str:
    """The command that makes JSON lines of a file with this line, or shows it."""
    if line.startswith(("#", "//")):
        how = r"grep -vE '^[[:space:]]*(#|//)'"
        return f"Without lines of comments: {_rewritten(where, how)}"
    if line.endswith(","):
        how = "sed 's/,[[:space:]]*$//'"
        return f"Without commas behind the objects: {_rewritten(where, how)}"
    if "is used twice" in str(error):
        return ""
    by = _rewritten(where, "jq -c .")
    return f"Objects over several lines, or several in one, become lines by: {by}"


def _rewritten(where: str, how: str, suffix: str = ".jsonl") -> str:
    """The command that writes the changed rows to a new file next to it."""
    name = file_of(where) or where
    if name == STDIN:
        return how
    stem = name.removesuffix(".gz").rpartition(".")[0]
    source, new = shlex.quote(name), shlex.quote(f"{stem}.new{suffix}")
    return (
        f"gzip -dc {source} | {how} > {new}" if name.endswith(".gz") else f"{how} {source} > {new}"
    )


def _json_file(path: Path, name: str) -> list[Row]:
    with _open(path) as file:
        text = _text(file.read(), name)
    try:
        return _numbered(name, rows_in(parse_json(text), name))
    except ValueError as error:
        lines = f" One object per line is read as .jsonl: {_rewritten(name, 'cat')}"
        raise LensError(
            f"{name}: not valid JSON ({error}). A list of objects is needed."
            f"{lines if 'Extra data' in str(error) else ''}"
        ) from error


def _parquet_rows(path: Path, name: str) -> list[dict]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            require_distinct(file.schema_arrow.names)
            return file.read().to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise LensError(f"{name}: not a readable Parquet file ({error}).") from error


def _table(path: Path, name: str) -> Iterator[Row]:
    with _open(path) as file:
        text = "".join(_text(raw, name, number) for number, raw in enumerate(file, 1))
    return table_rows(text, name, "\t" if path.suffix.lower() == ".tsv" else None)
