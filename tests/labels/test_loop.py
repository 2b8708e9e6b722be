"""The loop of docs/labels.md, its commands run as they stand with a tiny encoder."""

import json

import pytest

from lens.advice.extend import saved_pairs
from lens.data.sources import read_rows
from tests.helpers.pages import blocks, run
from tests.helpers.workflow_tools import ROOT

PAGE = (ROOT / "docs/labels.md").read_text()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, llama_folder):
    folder = tmp_path_factory.mktemp("loop")
    (folder / "encoder").symlink_to(llama_folder)
    for language, code in blocks(PAGE.split("## How")[0]):
        if language != "text":
            run(language, code, folder)
    return folder


@pytest.mark.slow
def test_every_round_asks_for_other_pairs_and_keeps_ids(workplace):
    asked = []
    for number in (1, 2, 3):
        tasks = json.loads((workplace / f"batch_{number}.json").read_text())
        asked += [task["data"]["id"] for task in tasks]
    assert len(set(asked)) == 90
    kept = saved_pairs(workplace / "model_3", device="cpu").table
    assert 0 < len(kept) <= 90
    assert set(kept["id"]) <= set(asked)


@pytest.mark.slow
def test_suspects_are_among_the_labels(workplace):
    rows = [row for _, row in read_rows(workplace / "again.jsonl")]
    chances = [row["other_way"] for row in rows]
    assert len(rows) == 5
    assert chances == sorted(chances, reverse=True)
    assert {row["id"] for row in rows} <= set(saved_pairs(workplace / "model_3").table["id"])
