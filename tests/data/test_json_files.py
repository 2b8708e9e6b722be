"""Files of JSON as pandas and people write them: read, or refused with the command to mend them."""

import bz2
import gzip
import json
import lzma
import re
import subprocess
import sys

import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.data.sources import read_rows

ROWS = [{"prompt": f"q{i}", "chosen": "a", "rejected": ["b", None][i]} for i in range(2)]


def refusal(path):
    with pytest.raises(LensError) as error:
        read_rows(path)
    return str(error.value)


def mended(command, path):
    """The rows of the file that a command of a message writes."""
    command = command.replace("python -c", f"{sys.executable} -c")
    before = {*path.parent.iterdir()}
    subprocess.run(command, shell=True, check=True, cwd=path.parent)
    (new,) = {*path.parent.iterdir()} - before
    return [row for _, row in read_rows(new)]


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_what_pandas_writes_is_read(tmp_path, orient):
    path = tmp_path / "x.json"
    pd.DataFrame(ROWS).to_json(path, orient=orient)
    found = [{name: row[name] for name in ROWS[0]} for _, row in read_rows(path)]
    assert found == ROWS


def test_a_table_of_columns_is_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}))
    assert [row for _, row in read_rows(path)] == ROWS


def test_lines_with_a_mark_and_blank_lines_are_read(tmp_path):
    path = tmp_path / "x.jsonl"
    lines = [json.dumps(row).encode() for row in ROWS]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines) + b"\n\n")
    assert [row for _, row in read_rows(path)] == ROWS


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [{"data": ROWS}, {"train": ROWS, "test": ROWS[:1]}, {"version": 1, "rows": ROWS}]
)
def test_lists_by_name_are_refused_with_the_command_that_takes_one(tmp_path, value):
    path = tmp_path / "own pairs.json"
    path.write_text(json.dumps(value))
    commands = re.findall(r"`(\w+)`: (python -c .*?)(?= -- |$)", refusal(path))
    lists = {name: each for name, each in value.items() if isinstance(each, list)}
    assert {name: mended(command, path) for name, command in commands} == lists


@pytest.mark.slow
def test_rows_without_names_are_refused_with_the_command_that_names_them(tmp_path):
    path = tmp_path / "x.json"
    pd.DataFrame(ROWS).to_json(path, orient="values")
    command = refusal(path).split("Name the columns: ")[1]
    assert mended(command, path) == ROWS


def test_objects_of_objects_without_numbers_are_refused_with_both_readings(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": {"x": 1}, "b": {"x": 2}}))
    assert re.search(r'columns: python -c .*orient="columns".*orient="index"', refusal(path))


LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "written", "mark"),
    [
        ("x.json", LINES.strip().encode(), "is read as .jsonl: "),
        ("x.jsonl", json.dumps(ROWS).encode(), "is read as .json: "),
        ("x.jsonl", f"# ours\n{LINES}  // the end\n".encode(), "of comments: "),
        ("x.jsonl", LINES.replace("}\n", "},\n").encode(), "behind the objects: "),
        ("x.jsonl.gz", gzip.compress(f"# ours\n{LINES}".encode()), "of comments: "),
        ("x.json.gz", gzip.compress(json.dumps(ROWS).encode()), "Unpack it: "),
        ("x.jsonl.bz2", bz2.compress(LINES.encode()), "Unpack it: "),
        ("my x.jsonl.xz", lzma.compress(LINES.encode()), "Unpack it: "),
        ("x.ndjson", LINES.encode(), "JSON lines: "),
    ],
)
def test_the_command_of_a_refused_file_mends_it(name, written, mark, tmp_path):
    path = tmp_path / name
    path.write_bytes(written)
    assert mended(refusal(path).split(mark)[1], path) == ROWS


def test_a_name_that_is_used_twice_is_shown_and_not_dropped(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"prompt": "q", "chosen": "a", "chosen": "b", "rejected": "c"}\n')
    assert refusal(path).endswith(f"Look at it: sed -n 1p {path}")
