"""Captions of what a gold model judged say how accurate it is, where its maker measured that."""

import re

import numpy as np
import pytest
from jinja2 import Environment

from lens.cli import main
from lens.files.artifacts import write_json
from lens.report.gold_model import held_out_accuracy
from lens.workflow.artefacts import ARTEFACTS, BY_GOLD, gold_card, shown_files
from tests.helpers.cell_files import write_cell
from tests.helpers.configs import resolved
from tests.helpers.workflow_tools import ROOT

FITTED = {"held_out": {"accuracy": {"mean": 0.588, "low": 0.571, "high": 0.604}}}
SENTENCE = "The gold model orders 58.8 % [57.1, 60.4] of held-out labelled pairs correctly."


@pytest.fixture
def card(tmp_path):
    write_json(tmp_path / "gold/config.json", FITTED)
    return tmp_path / "gold/config.json"


def test_the_accuracy_is_that_of_the_card(card, tmp_path):
    assert held_out_accuracy(card) == SENTENCE
    kinds = {"dialogue": {"order_accuracy": 0.956}, "summary": {"order_accuracy": 0.974}}
    write_json(tmp_path / "metrics.json", {"metrics": {"held_out": kinds}})
    said = held_out_accuracy(tmp_path / "metrics.json")
    assert "95.6 % (dialogue) and 97.4 % (summary)" in said


def test_the_card_is_of_the_world_or_of_a_fitted_model_or_unknown(card):
    world = resolved({})
    assert gold_card(world, "table_1") == [f"{world.results}/train_gold_model/metrics.json"]
    assert gold_card(world, "theory_table") == gold_card(world, "table_2") == []
    folder = card.parent
    (folder / "model.safetensors").touch()
    given = {"gold": {"load": {"model": str(folder)}}}
    assert gold_card(resolved(given), "figure_2") == []
    (folder / "reward.safetensors").touch()
    assert gold_card(resolved(given), "figure_2") == [str(card)]
    assert gold_card(resolved({"gold": {"load": {"model": "a/b"}}}), "table_1") == []


def test_what_a_graded_pool_judges_too_says_nothing_of_the_gold_model():
    graded = {"datasets": {"summary": {"pool": {"path": "pool.jsonl", "gold": True}}}}
    world = resolved(graded)
    assert gold_card(world, "table_1") == gold_card(world, "overview") == []
    assert gold_card(world, "table_3") == [f"{world.results}/train_gold_model/metrics.json"]


def test_the_note_of_table_1_ends_with_it(card, tmp_path):
    correct, gold = np.ones((2, 3)), np.arange(8.0).reshape(2, 4)
    cells = [write_cell(tmp_path / "original", "original", 1, gold, correct)]
    cells += [write_cell(tmp_path / "repeat", "repeat", 2, gold + 1, correct)]
    for more, out in ([], "without"), (["--gold-card", str(card)], "with"):
        folder = tmp_path / out
        main(["table-1", "--cells", *map(str, cells), "--out-dir", str(folder), *more])
    for name in ("table_1.md", "table_1.html", "table_1.tex"):
        said = [(tmp_path / out / name).read_text() for out in ("without", "with")]
        assert ["The gold model orders" in text for text in said] == [False, True]


@pytest.mark.parametrize(
    "caption",
    sorted(
        {
            caption
            for name, artefact in ARTEFACTS.items()
            if BY_GOLD.fullmatch(name)
            for _, caption, _ in shown_files(artefact)
        }
        | {"overview"}
    ),
)
def test_captions_end_with_it(caption):
    """Numbers of a config are of no account here: the words are."""
    text = (ROOT / f"workflow/report/{caption}.rst").read_text(encoding="utf-8")
    text = re.sub(r'snakemake\.config(\["\w+"\]){2,}(\[0\])?(\|\w+)?', "9", text)
    for accuracy in ("", SENTENCE):
        snakemake = {"config": {"gold_accuracy": accuracy}}
        said = Environment().from_string(text).render(snakemake=snakemake)
        assert said.endswith(f". {accuracy}" if accuracy else ".")
