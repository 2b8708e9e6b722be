"""The split of `make real`: no prompt of the study, the gold model or the pool serves another."""

import gzip
import json

import pytest
import real_data

from lens.data.pairs import group_key, normalise_pairs
from lens.data.sources import read_rows

SUBSETS = {"harmless-base": 40, "helpful-base": 40, "helpful-rejection-sampled": 20}


def hh_rows():
    """Two pairs to each first turn, of which one is spelt otherwise and in another subset."""
    subsets = [name for name, count in SUBSETS.items() for _ in range(count)]
    for number, subset in enumerate(subsets):
        turn = f"how about {number // 2}?" if number % 2 else f"How  about {number // 2}? "
        other = list(SUBSETS)[number % 3] if number % 10 == 0 else subset
        prompt = f"\n\nHuman: {turn}\n\nAssistant: well\n\nHuman: go on {number}\n\nAssistant:"
        yield {
            "id": f"row {number}",
            "subset": other,
            "prompt": prompt,
            "chosen": " yes",
            "rejected": " no" * (1 + number % 5),
        }


def pool_rows():
    """Some prompts are the pairs' own first turns, named as such or not."""
    kinds = ["helpful_base", "koala", "koala", "vicuna", "oasst"]
    for number in range(30):
        instruction = f"HOW about {number}?" if number % 5 < 2 else f"write a poem {number}"
        texts = [{"output": f"poem {n}", "gold": n / 16 if n < 11 else None} for n in range(16)]
        row = {"id": number, "dataset": kinds[number % 5], "instruction": instruction}
        yield row | {"candidates": texts}


def written(path, rows):
    path.parent.mkdir(parents=True)
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def groups(path):
    table, _ = normalise_pairs(read_rows(path), group_by="first_turn")
    return set(table["group"])


@pytest.fixture
def split(tmp_path, monkeypatch):
    monkeypatch.setattr(
        real_data,
        "STUDY",
        {"helpful": ("helpful-base", 15, 800), "harmless": ("harmless-base", 10, 700)},
    )
    monkeypatch.setattr(real_data, "POOL_PROMPTS", 20)
    written(tmp_path / "data/hh_rlhf/pairs.jsonl.gz", hh_rows())
    written(tmp_path / "data/bon16/pool.jsonl.gz", pool_rows())
    real_data.main(str(tmp_path / "data"), str(tmp_path / "out"))
    return tmp_path / "out"


def test_the_gold_model_learns_from_no_prompt_that_is_studied_or_judged(split):
    found = {name: groups(split / f"{name}.jsonl") for name in ("helpful", "harmless", "gold")}
    rows = [row for _, row in read_rows(split / "pool.jsonl")]
    pool = {
        group_key([{"role": "user", "content": row["instruction"]}], "first_turn") for row in rows
    }
    assert len(found["gold"]) >= 10
    assert not found["gold"] & (found["helpful"] | found["harmless"])
    assert not pool & (found["gold"] | found["helpful"] | found["harmless"])
    assert {row["dataset"] for row in rows} == {"koala", "vicuna", "oasst"}
    assert {len(row["candidates"]) for row in rows} == {11}
    assert all(one["gold"] is not None for row in rows for one in row["candidates"])


def test_the_report_counts_what_was_written(split):
    report = json.loads((split / "report.json").read_text())
    for name, count in report["rows"].items():
        assert len(read_rows(split / f"{name}.jsonl")) == count
    assert report["rows"]["helpful"] == 15
    assert set(report["subsets"]["helpful"]) == {"helpful-base"}
    assert set(report["subsets"]["gold"]) <= set(real_data.GOLD)
    assert sum(report["subsets"]["gold"].values()) == report["rows"]["gold"]
