"""Reads rows from where people keep them: JSONL, Parquet, CSV or the Hugging Face Hub.

Every row comes with a place ("file, row 7") so that a later complaint can say where to look.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lens.artifacts import require_file
from lens.errors import LensError

Row = tuple[str, dict]
JSON_LINES = (".jsonl", ".jsonl.gz")
SUFFIXES = (*JSON_LINES, ".json", ".parquet", ".csv", ".tsv")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def read_source(source: str, *, split: str = "train", revision: str | None = None) -> list[Row]:
    """All rows of a local file or, where there is none of that name, of a Hub dataset's split.

    A name that ends like a file is never looked for on the Hub. Raises LensError.
    """
    path = Path(source)
    if path.is_file() or path.name.lower().endswith(SUFFIXES):
        return read_rows(path)
    if path.is_dir() or HUB_ID.fullmatch(str(source)):
        return read_hub_rows(str(source), revision, split)
    raise LensError(
        f"{source}: no such file, and no Hub dataset id (organisation/name). Check the path."
    )


def read_rows(path: str | Path) -> list[Row]:
    """All rows of a local file as (place, row); rows are numbered from 1 as editors number lines.

    Reads .jsonl, .jsonl.gz, .json (a list), .parquet, .csv and .tsv. Raises LensError naming file
    and row when something cannot be read.
    """
    path = require_file(path)
    name = path.name.lower()
    if name.endswith(JSON_LINES):
        rows = list(jsonl_rows(path))
    elif name.endswith(".json"):
        rows = _numbered(path, _json_list(path))
    elif name.endswith(".parquet"):
        rows = _numbered(path, _parquet_rows(path))
    elif name.endswith((".csv", ".tsv")):
        rows = list(_csv_rows(path))
    else:
        raise LensError(
            f"{path}: unknown file type. Use {', '.join(SUFFIXES)} (from Excel: save as CSV UTF-8)."
        )
    if not rows:
        raise LensError(f"{path}: the file has no rows.")
    return rows


def read_hub_rows(hub: str, revision: str | None, split: str) -> list[Row]:
    """All rows of one split of a Hub dataset, at a pinned revision, as (place, row).

    Read from the cache alone where HF_HUB_OFFLINE is set. Raises LensError.
    """
    return _numbered(f"{hub}[{split}]", list(load_hub(hub, revision, split)))


def load_hub(hub: str, revision: str | None, split: str | None = None):
    """A split of a Hub dataset, or all by name, in the form of the library `datasets`."""
    import datasets

    from lens.hub import dataset_folder

    folder = dataset_folder(hub, revision)
    try:
        return datasets.load_dataset(folder, split=split)
    except Exception as error:  # each of its file types has errors of its own
        raise LensError(
            f"dataset {hub} (revision {revision}, split {split}) cannot be loaded: {error} "
            "Check its id and splits, or give a local file instead."
        ) from error


def _numbered(name: object, rows: list[dict]) -> list[Row]:
    return [(f"{name}, row {number}", row) for number, row in enumerate(rows, 1)]


def jsonl_rows(path: Path) -> Iterator[Row]:
    """(place, row) of a .jsonl or .jsonl.gz file, one after another."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        file = opener(path, "rt", encoding="utf-8-sig", newline="\n")
    except OSError as error:
        raise LensError(f"{path}: cannot be read ({error}).") from error
    with file:
        yield from json_rows(file, str(path))


def json_rows(lines: Iterable[str], name: str) -> Iterator[Row]:
    """(place, row) of JSON lines as they come, empty lines left out. LensError naming the row."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"{name}, row {number}", _json_object(line, f"{name}, row {number}")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, OSError) as error:
        raise LensError(
            f"{name}, after row {number}: cannot be read ({error}). "
            "Save it as UTF-8 and make sure that the file is whole."
        ) from error


def _json_object(line: str, place: str) -> dict:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise LensError(
            f"{place}: not valid JSON ({error}). Each line must be one object."
        ) from error
    if not isinstance(value, dict):
        raise LensError(f"{place}: a JSON object is needed, not {type(value).__name__}.")
    return value


def _json_list(path: Path) -> list[dict]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise LensError(f"{path}: not valid JSON in UTF-8 ({error}).") from error
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise LensError(f"{path}: a list of objects is needed. One object a line: name it .jsonl.")
    return value


def _parquet_rows(path: Path) -> list[dict]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise LensError(f"{path}: not a readable Parquet file ({error}).") from error


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    number = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        # Where rows end as on Windows, so do the lines inside a field: both are read as "\n".
        newline = None if header.endswith("\r\n") else ""
        with open(path, encoding="utf-8-sig", newline=newline) as file:
            for row in csv.DictReader(file, delimiter=_delimiter(path, header), strict=True):
                number += 1
                place = f"{path}, row {number}"
                if None in row or None in row.values():
                    raise LensError(
                        f"{place}: the number of fields differs from the header's. "
                        "Put double quotes round fields that contain commas or line breaks."
                    )
                yield place, row
    except UnicodeDecodeError as error:
        raise LensError(
            f"{path}, after row {number}: not in UTF-8 ({error}). Save it as UTF-8 "
            '(in Excel, "CSV UTF-8" among the file types).'
        ) from error
    except csv.Error as error:
        raise LensError(f"{path}, after row {number}: not readable as CSV ({error}).") from error


def _delimiter(path: Path, header: str) -> str:
    """A tab for .tsv; else a semicolon where the header has one and no comma (Excel in Europe)."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    names = re.sub(r'"[^"]*"', "", header)
    return ";" if ";" in names and "," not in names else ","
