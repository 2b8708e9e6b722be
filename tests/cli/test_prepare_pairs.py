"""`lens prepare-pairs`: files as people have them, bad ones, held-out prompts, samples."""

import gzip
import json
import re

import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.data.sources import read_rows, read_source


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def some_rows(count=30):
    return [
        {"prompt": f"p{i}", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(count)
    ]


def outputs(tmp_path):
    return (
        f"--out {tmp_path}/pairs.parquet --out-prompts {tmp_path}/prompts.parquet --report "
        f"{tmp_path}/report.json"
    ).split()


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "json", "csv", "parquet"])
def test_file_types_give_the_same_pairs(tmp_path, lens, kind):
    rows, path = some_rows(), tmp_path / f"pairs.{kind}"
    if kind == "jsonl":
        path.write_bytes(b"\xef\xbb\xbf" + b"".join(json.dumps(r).encode() + b"\r\n" for r in rows))
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path)
    lens("prepare-pairs", "--path", path, *outputs(tmp_path))
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert sorted(pairs["chosen"]) == sorted(row["chosen"] for row in rows)
    assert pairs["split"].value_counts().to_dict() == {"train": 24, "test": 6}
    prompts = pd.read_parquet(tmp_path / "prompts.parquet")
    assert set(prompts["prompt_id"]) == set(pairs.loc[pairs["split"] == "test", "id"])


def test_renamed_columns_and_chosen_rows(tmp_path, lens):
    rows = [{"q": f"p{i}", "a": "x", "b": "y", "part": "ab"[i % 2]} for i in range(20)]
    path = write(tmp_path / "own.jsonl", rows)
    lens(
        *f"prepare-pairs --path {path} --where".split(),
        '{"part": "a"}',
        "--columns",
        '{"prompt": "q", "chosen": "a", "rejected": "b"}',
        *outputs(tmp_path),
    )
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert len(pairs) == 10
    assert set(pairs["chosen"]) == {"x"}
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["rows_not_selected"] == 10


BAD_FILES = {
    "misnamed column": (b'{"prompt": "p", "winner": "a", "rejected": "b"}\n', r"row 1: .*chosen"),
    "empty answer": (b'{"prompt": "p", "chosen": "", "rejected": "b"}\n', r"row 1: .*empty"),
    "same answers": (b'{"prompt": "p", "chosen": "b", "rejected": "b"}\n', r"row 1: .*the same"),
    "no JSON": (b'{"prompt": "p"\n', r"row 1: not valid JSON"),
    "no object": (b"[1, 2]\n", r"row 1: a JSON object is needed"),
    "no rows": (b"\n", r"no rows"),
    "not UTF-8": (b'{"prompt": "\xff\xfe"}\n', r"row 1: not in UTF-8 .*Save it as UTF-8"),
    "one prompt": (b'{"prompt": "p", "chosen": "a", "rejected": "b"}\n' * 2, r"share one prompt"),
    "same id": (
        b'{"id": 1, "prompt": "p", "chosen": "a", "rejected": "b"}\n' * 2,
        r"is used twice",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_get_one_message_and_leave_earlier_results(tmp_path, fail, lens, name):
    content, message = BAD_FILES[name]
    good = write(tmp_path / "good.jsonl", some_rows())
    lens("prepare-pairs", "--path", good, *outputs(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(content)
    text = fail("prepare-pairs", "--path", bad, *outputs(tmp_path))
    assert re.search(message, text), text
    assert {path: path.read_bytes() for path in before} == before
    assert not list(tmp_path.glob(".*tmp"))


def test_other_unreadable_inputs(tmp_path, fail):
    tail = outputs(tmp_path)
    assert "no such file" in fail("prepare-pairs", "--path", tmp_path / "none.jsonl", *tail)
    (tmp_path / "x.xlsx").write_bytes(b"x")
    assert "unknown file type" in fail("prepare-pairs", "--path", tmp_path / "x.xlsx", *tail)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 cut short")
    assert "not a readable Parquet" in fail(
        "prepare-pairs", "--path", tmp_path / "x.parquet", *tail
    )
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b'{"prompt": "p"}\n' * 99)[:-9])
    assert "Make sure that the file is whole" in fail(
        "prepare-pairs", "--path", tmp_path / "x.jsonl.gz", *tail
    )
    (tmp_path / "x.csv").write_text("prompt,chosen,rejected\np,a,b\np,a,b,c\n")
    assert "row 3: the number of fields" in fail(
        "prepare-pairs", "--path", tmp_path / "x.csv", *tail
    )
    assert "either --path" in fail("prepare-pairs", *tail)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("kind", "mark"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_tables_as_spreadsheets_save_them(tmp_path, kind, mark, end, start):
    header = mark.join(["prompt", '"chosen"', "rejected"])
    row = mark.join([f'"Two{end}lines, ""so"""', "a;b" if mark != ";" else '"a;b"', "b"])
    path = tmp_path / f"pairs.{kind}"
    path.write_bytes(start + end.join([header, row, row, ""]).encode())
    expected = {"prompt": 'Two\nlines, "so"', "chosen": "a;b", "rejected": "b"}
    assert read_rows(path) == [(f"{path}, row {number}", expected) for number in (2, 3)]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ('"a,b";c', ["a,b", "c"]),
        ('"a;b",c', ["a;b", "c"]),
        ("a,b;c", ["a", "b;c"]),
        ("a", ["a"]),
    ],
)
def test_what_separates_columns(tmp_path, header, columns):
    path = tmp_path / "x.csv"
    separator = ";" if header.startswith('"a,b"') else ","
    path.write_text(f"{header}\n{separator.join('1' for _ in columns)}\n")
    assert list(read_rows(path)[0][1]) == columns


def test_line_ends_within_a_field_stay_where_rows_end_otherwise(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b\n"x\r\ny",z\n')
    assert read_rows(path)[0][1] == {"a": "x\r\ny", "b": "z"}


def test_json_lines_of_windows_hold_no_carriage_return(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": "x"}\r\n\r\n{"a": "y\\n"}\r\n')
    assert read_rows(path) == [
        (f"{path}, row 1", {"a": "x"}),
        (f"{path}, row 3", {"a": "y\n"}),
    ]


@pytest.mark.parametrize("kind", ["csv", "tsv", "json"])
def test_files_in_a_windows_code_page_are_to_be_saved_as_utf_8(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes('"prompt"\nna\u00efve \u201cwords\u201d\n'.encode("cp1252"))
    with pytest.raises(LensError, match=r"x\.\w+, line 2: .*Save it as UTF-8"):
        read_rows(path)


def test_sources_are_files_before_they_are_hub_ids(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("lens.data.sources.read_hub_rows", lambda *given: asked.append(given))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").mkdir()
    write(tmp_path / "org/name.jsonl", some_rows(1))
    assert read_source("org/name.jsonl") == [("org/name.jsonl, row 1", some_rows(1)[0])]
    for name in ("org/none.jsonl", "org/none.CSV", "none", "./org/none", "a/b/c"):
        with pytest.raises(LensError, match=rf"{name}: no such file"):
            read_source(name)
    assert not asked
    read_source("org/name", split="test", revision="main")
    read_source("org-1/some.name_2")
    read_source(str(tmp_path / "org"))
    assert asked == [
        ("org/name", "main", "test"),
        ("org-1/some.name_2", None, "train"),
        (str(tmp_path / "org"), None, "train"),
    ]


def test_prompts_of_the_test_split_may_not_train(tmp_path, fail, lens):
    train = write(tmp_path / "train.jsonl", some_rows(10))
    test = write(tmp_path / "test.jsonl", [{**row, "prompt": "P3 "} for row in some_rows(1)])
    command = ("prepare-pairs", "--path", train, "--test-path", test, *outputs(tmp_path))
    assert "train.jsonl, row 4 (training pair 4): prompt stands in test split" in fail(*command)
    lens(*command, "--invalid-rows", "drop")
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert len(pairs[pairs["split"] == "train"]) == 9
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["rows_dropped"] == {"prompt_stands_in_test_split": 1}
    assert report["rows_kept"] == 9


def test_prompts_of_a_pool_may_not_train(tmp_path, fail, lens):
    train = write(tmp_path / "train.jsonl", some_rows(10))
    pool = write(tmp_path / "pool.jsonl", [{"prompt": "p4", "candidates": ["a", "b"]}])
    lens(
        *f"prepare-candidates --path {pool} --out {tmp_path}/pool.parquet --metrics "
        f"{tmp_path}/pool.json".split()
    )
    command = (
        *f"prepare-pairs --path {train} --pool {tmp_path}/pool.parquet".split(),
        *outputs(tmp_path),
    )
    assert "train.jsonl, row 5 (training pair 5): prompt stands in candidate pool" in fail(*command)
    lens(*command, "--invalid-rows", "drop")
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert "p4" not in set(pairs["group"])


def test_limits_take_samples(tmp_path, lens):
    path = write(tmp_path / "own.jsonl", some_rows(100))
    lens(
        *(
            f"prepare-pairs --path {path} --max-train-pairs 30 --max-test-pairs 10 --test-prompts 5"
        ).split(),
        *outputs(tmp_path),
    )
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert pairs["split"].value_counts().to_dict() == {"train": 30, "test": 10}
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["pairs_beyond_limits"] == 60
    assert len(pd.read_parquet(tmp_path / "prompts.parquet")) == 5


@pytest.mark.slow
def test_hub_datasets(tmp_path, lens, fail, monkeypatch):
    """A local folder stands for the Hub: the loading code is the same."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "dataset"
    folder.mkdir()
    write(folder / "train.jsonl", some_rows(10))
    write(folder / "test.jsonl", [{**row, "prompt": f"t{i}"} for i, row in enumerate(some_rows(4))])
    lens(
        *f"prepare-pairs --hub {folder} --train-split train --test-split test".split(),
        *outputs(tmp_path),
    )
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert pairs["split"].value_counts().to_dict() == {"train": 10, "test": 4}
    message = fail("prepare-pairs", "--hub", tmp_path / "none", *outputs(tmp_path))
    assert "cannot be loaded" in message


def test_the_workflow_reads_ratings_as_pairs_too(tmp_path, lens):
    rows = [
        {"prompt": f"question {i}", "responses": ["a", "b", "c"], "ratings": [3, 1, 3]}
        for i in range(4)
    ]
    source = tmp_path / "rated.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = [tmp_path / name for name in ("pairs.parquet", "prompts.parquet", "report.json")]
    for rule, count in (("all", 8), ("best_worst", 4)):
        lens(
            *f"prepare-pairs --path {source} --pair-rule {rule} --out {out[0]} "
            f"--out-prompts {out[1]} --report {out[2]}".split()
        )
        pairs = pd.read_parquet(out[0])
        assert len(pairs) == count
        assert set(pairs["rejected"]) == {"b"}
        assert not set(pairs["group"][pairs["split"] == "train"]) & set(
            pairs["group"][pairs["split"] == "test"]
        )
        assert json.loads(out[2].read_text())["metrics"]["form"]["form"] == "ratings"
