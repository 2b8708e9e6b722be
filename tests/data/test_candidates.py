"""Own candidate pools, with and without gold scores."""

import json

import pandas as pd
import pytest


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pool_rows():
    return [
        {
            "instruction": f"p{i}",
            "candidates": [{"output": f"a{j}", "gold": j / 2 if j < 3 else None} for j in range(4)],
        }
        for i in range(3)
    ]


COLUMNS = ("--columns", '{"prompt": "instruction"}', "--response-field", "output")


@pytest.mark.slow
def test_objects_with_gold(tmp_path, lens, fail):
    pool = write(tmp_path / "pool.jsonl", pool_rows())
    command = (
        "--path",
        pool,
        *COLUMNS,
        "--out",
        tmp_path / "out.parquet",
        "--metrics",
        tmp_path / "m.json",
    )
    lens("prepare-candidates", *command, "--max-candidates", 3)
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert list(table["response"]) == ["a0", "a1", "a2"] * 3
    assert "gold" not in table
    lens("import-gold", *command, "--max-candidates", 3)
    gold = pd.read_parquet(tmp_path / "out.parquet")
    assert list(gold["gold"]) == [0.0, 0.5, 1.0] * 3
    assert list(gold["prompt_id"]) == ["1"] * 3 + ["2"] * 3 + ["3"] * 3
    assert "candidate 3: 'gold' is None" in fail("import-gold", *command)


def test_plain_texts(tmp_path, lens):
    pool = write(tmp_path / "pool.jsonl", [{"prompt": "p", "candidates": ["x", "y"]}])
    lens(
        "prepare-candidates",
        "--path",
        pool,
        "--out",
        tmp_path / "out.parquet",
        "--metrics",
        tmp_path / "m.json",
    )
    assert list(pd.read_parquet(tmp_path / "out.parquet")["response"]) == ["x", "y"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "p"}], "column candidates missing"),
        ([{"prompt": "p", "candidates": "x"}], "must be a list"),
        ([{"prompt": "p", "candidates": [{"text": "x"}, {"text": "y"}]}], "no field 'response'"),
        ([{"prompt": "p", "candidates": ["x"]}], "at least 2"),
        (
            [{"prompt": "p", "candidates": ["x", "y"]}, {"prompt": "q", "candidates": ["x"] * 3}],
            "same number of candidates",
        ),
        ([{"id": 1, "prompt": "p", "candidates": ["x", "y"]}] * 2, "is used twice"),
        ([{"prompt": "", "candidates": ["x", "y"]}], "row 1: a turn of the prompt is empty"),
    ],
)
def test_bad_pools(tmp_path, fail, rows, message):
    pool = write(tmp_path / "pool.jsonl", rows)
    assert message in fail(
        "prepare-candidates",
        "--path",
        pool,
        "--out",
        tmp_path / "out.parquet",
        "--metrics",
        tmp_path / "m.json",
    )
    assert not (tmp_path / "out.parquet").exists()
