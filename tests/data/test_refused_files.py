"""Refusals to read a file, or what is piped in, end in a command that runs."""

import gzip
import io
import re
import shlex
import subprocess
from types import SimpleNamespace

import pytest

from lens.core.errors import LensError
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_source
from lens.data.streams import stream_rows

PAIR = b'{"prompt": "q", "chosen": "a", "rejected": "b"}\n'
FILES = {
    "empty.jsonl": b"",
    "blank.csv": b"\n \n",
    "header alone.csv": b"prompt,chosen,rejected\n",
    "list.json": b"[]",
    "number.json": b"3",
    "cut.json": b'[{"prompt": "q"',
    "texts.json": b'["a", "b"]',
    "texts.jsonl": PAIR + b'"a"\n',
    "numbers.jsonl": PAIR + b"1\n",
    "twice.jsonl": PAIR + b'{"prompt": "q", "prompt": "r"}\n',
    "cut.jsonl.gz": gzip.compress(PAIR * 99)[:-20],
    "numbers.jsonl.gz": gzip.compress(PAIR + b"1\n"),
    "no.parquet": b"PAR1",
    "notes.txt": PAIR,
    "notes.md": PAIR,
    "no name": PAIR,
    "fields.csv": b"prompt,chosen,rejected\nq,a\n",
}
SHOWN = {"texts.jsonl": b'"a"\n', "numbers.jsonl": b"1\n", "numbers.jsonl.gz": b"1\n"}
SHOWN |= {"cut.json": FILES["cut.json"], "fields.csv": b"q,a\n", "notes.txt": b""}


def refusal(read):
    with pytest.raises(LensError) as error:
        read()
    return str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_shown_by_the_command(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    command = re.split(r"Look at it: |JSON lines: ", refusal(lambda: read_source(str(path))))[1]
    shown = subprocess.run(command, shell=True, capture_output=True, check=True).stdout
    assert shown == SHOWN.get(name, shown)


@pytest.mark.parametrize("name", ["no.jsonl", "no/such/folder.csv", "no name"])
def test_where_there_is_no_file_its_folder_is_shown(tmp_path, name):
    message = refusal(lambda: read_source(str(tmp_path / name)))
    assert message.endswith(f" Look there: ls {tmp_path}")


@pytest.mark.parametrize("line", [b"1\n", b"{'a': 1}\n", b'{"a": 1, "a": 2}\n', b"\xff\n", b"[]\n"])
def test_what_is_piped_in_is_shown_or_mended_by_a_filter(monkeypatch, line):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(PAIR + line)))
    message = refusal(lambda: [*stream_rows("-")])
    command = message.rpartition(": ")[2]
    assert shlex.split(command)[0] in ("sed", "jq", "iconv", "cat")
    assert "standard input" not in command


def test_rows_in_python_are_shown_by_their_slice():
    rows = [("row 1", {"prompt": "q", "chosen": "a", "rejected": "b"})]
    rows += [("row 2", {"prompt": "q", "chosen": "a", "rejected": "a"})]
    assert refusal(lambda: normalise_pairs(rows)).endswith(" Look at it: print(rows[1:2])")
