"""Rows in and out one after another, so that a pipe of any length needs little memory."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import TextIO

from lens.data.sources import JSON_LINES, Row, json_rows, jsonl_rows, read_rows
from lens.data.texts.cures import STDIN, read_from
from lens.files.artifacts import require_file
from lens.files.atomic import replacing


def stream_rows(source: str) -> Iterator[Row]:
    """(where, row) of a file, or of JSON lines from standard input where `source` is "-"."""
    if source == "-":
        with read_from(STDIN):
            yield from json_rows(sys.stdin.buffer, STDIN)
    else:
        with read_from(source):
            path = require_file(source)
        lines = path.name.lower().endswith(JSON_LINES)
        yield from jsonl_rows(path) if lines else read_rows(path)


def ahead(rows: Iterable[Row], count: int) -> tuple[list[Row], Iterator[Row]]:
    """(the first rows, up to `count`, all of the rows)."""
    rows = iter(rows)
    first = list(islice(rows, count))
    return first, chain(first, rows)


def chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of up to `size` rows."""
    rows = iter(rows)
    while batch := list(islice(rows, max(1, size))):
        yield batch


@contextmanager
def open_out(path: str) -> Iterator[Callable[[Iterable[dict]], None]]:
    """A function that writes rows as JSON lines: to standard output for "-", as they come; to a
    file under a temporary name, renamed once all is written."""
    if path == "-":
        yield lambda rows: _write(sys.stdout, rows)
    else:
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            yield lambda rows: _write(file, rows)


def _write(file: TextIO, rows: Iterable[dict]) -> None:
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, default=str)
        # Half a character can be written in JSON only, as its escape.
        file.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    file.flush()
