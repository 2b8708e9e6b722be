"""Text space, on top of the small offline world."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lens.evaluation.overlap import sentence
from tests.helpers.workflow_tools import TEXT, paper, run


@pytest.fixture(scope="module")
def in_text_space(small_world, tmp_path_factory):
    """A copy of the small world in which text space has been run: Tables 1, 3 and 6."""
    pytest.importorskip("trl", reason="extra `text` is not installed")
    pytest.importorskip("peft", reason="extra `text` is not installed")
    directory = tmp_path_factory.mktemp("text") / "run"
    shutil.copytree(small_world, directory, copy_function=shutil.copy2)
    result = run(directory, "--cores", 2, config=TEXT)
    assert result.returncode == 0, result.stderr + result.stdout
    return directory


def explained(table):
    """The methods beside which the table shows what a VAE explains."""
    return set(table.loc[table["vae_variance_explained"].notna(), "method"])


def test_table_1_has_text_space_beside_its_own_controls(in_text_space):
    table = pd.read_csv(paper(in_text_space) / "table_1.csv").set_index(["method", "scale"])
    text = {"full_finetune": (1, 2)} | dict.fromkeys(
        ("full_finetune_repeat", "embedding_mlp", "self_rewarding", "ipo"), (2,)
    )
    own = {("original", 1), ("repeat", 2), ("lens", 2)}
    assert set(table.index) == own | {(m, scale) for m, scales in text.items() for scale in scales}
    seen = pd.read_csv(paper(in_text_space) / "table_1_observations.csv")
    means = seen.groupby(["method", "scale"])["gold_reward"].mean()
    for method in ("full_finetune", "self_rewarding", "ipo"):
        expected = means[method, 2] - means["full_finetune_repeat", 2]
        assert table.loc[(method, 2), "difference_to_repeat"] == pytest.approx(expected), method
    expected = means["embedding_mlp", 2] - means["repeat", 2]
    assert table.loc[("embedding_mlp", 2), "difference_to_repeat"] == pytest.approx(expected)
    assert seen.groupby(["method", "scale"]).size().eq(3).all()
    assert means.nunique() > 5  # the methods are not one and the same model


def test_labels_say_how_they_agree_with_the_annotator(in_text_space):
    results = Path(in_text_space) / "results/small"
    place = "dialogue/tiny-llama/n40/standard"
    for labels in ("annotator", "ipo", "self_rewarding"):
        facts = json.loads((results / f"label_pairs/{place}/{labels}/metrics.json").read_text())
        agrees = [one["agrees_with_annotator"] for one in facts["metrics"]["by_seed"].values()]
        assert all(share == 1 for share in agrees) == (labels == "annotator")
    judge = json.loads((results / f"judge_responses/{place}/metrics.json").read_text())["metrics"]
    assert sum(judge["preferred"].values()) == judge["pairs"] > 0


def test_table_3_and_6_are_complete(in_text_space):
    table = pd.read_csv(paper(in_text_space) / "table_3.csv").set_index("picked_by")
    assert list(table.index) == ["none", "textual", "latent"]
    assert table["mean"].notna().all()
    assert explained(table) == {"lens"}
    assert table["win_rate"].dropna().sum() == pytest.approx(1)
    assert table["reported"].isna().all()  # the paper has no such table at 2x
    gold = pd.read_csv(paper(in_text_space) / "table_3_observations.csv")
    means = gold.groupby("picked_by")["gold"].mean()
    assert table.loc["latent", "mean"] == pytest.approx(means["latent"])
    table = pd.read_csv(paper(in_text_space) / "table_6.csv")
    assert explained(table) == {"lens"}
    assert table["temperature"].dropna().tolist() == [0.6, 1.0]
    assert table["difference_to_repeat"].notna().sum() == 3
    assert table["reported"].isna().all()


def test_tables_2_and_4_the_spread_and_rewardbench_are_complete(in_text_space):
    folder = paper(in_text_space)
    table = pd.read_csv(folder / "table_2.csv").set_index(["route", "quantity"])["mean"]
    for route in ("textual", "latent"):
        expected = table[route, "generation"] + table[route, "training"]
        assert table[route, "total"] == pytest.approx(expected)
    assert 0 < table["latent", "generation"] < table["textual", "generation"]
    assert table["latent", "extraction"] > 0 == table["textual", "extraction"]
    jobs = pd.read_csv(folder / "table_2_observations.csv")
    assert {"drawing", "train_annotator", "embed_pairs"} <= set(jobs["stage"])
    assert (jobs["seconds"] <= jobs["job_wall_seconds"]).all()
    names = ("table_1", "table_4", "textual_spread", "rewardbench_safety")
    for table in (pd.read_csv(folder / f"{name}.csv") for name in names):
        assert explained(table) == {"lens"}
    table = pd.read_csv(folder / "table_4.csv").set_index(["method", "scale"])
    seen = pd.read_csv(folder / "table_1_observations.csv").groupby(["method", "scale"])
    for cell in (("full_finetune", 1), ("full_finetune", 2), ("lens", 2), ("repeat", 2)):
        assert table.loc[cell, "mean"] == pytest.approx(seen["gold_reward"].mean()[cell]), cell
    spread = pd.read_csv(folder / "textual_spread.csv").set_index(["method", "scale"])
    for cell in (("full_finetune", 2), ("lens", 2)):
        assert spread.loc[cell, "sd"] == pytest.approx(seen["gold_reward"].std()[cell]), cell
    table = pd.read_csv(folder / "rewardbench_safety.csv")
    assert table["section"].iloc[0] == "rude_remark"
    assert set(table["method"]) == {
        "original",
        "repeat",
        "lens",
        "full_finetune",
        "full_finetune_repeat",
    }
    assert table["pairs"].eq(10).all()
    assert table["difference_to_repeat"].notna().sum() == 2 * 3  # two methods, three sections
    (judged,) = folder.parent.glob("judge_bench/**/metrics.json")
    shared = json.loads(judged.read_text())["metrics"]["overlap"]
    assert (shared["prompts"], shared["equal"]) == (30, 0)  # its prompts are drawn apart
    near = [one["near_duplicates"] for one in shared["subsets"].values()]
    assert sum(near) == shared["near_duplicates"]
    assert sentence(shared) in (folder / "rewardbench_safety.md").read_text()


def test_every_stage_says_what_it_cost(in_text_space):
    results = Path(in_text_space) / "results/small"
    costs = {
        file.relative_to(results).parts[0]: json.loads(file.read_text())
        for file in results.rglob("cost.json")
    }
    stages = {folder.name for folder in results.iterdir() if any(folder.rglob("metrics.json"))}
    assert stages <= set(costs)
    for stage, cost in costs.items():
        assert cost["cpu_seconds"] > 0, stage
        assert cost["wall_seconds"] > 0, stage
        assert cost["peak_memory_bytes"] > 1e6, stage
    assert costs["sample_responses"]["new_tokens"] > 0
    for stage in ("train_text", "score_responses", "score_likelihood", "train_sft", "embed_pairs"):
        assert costs[stage]["tokens"] > 1000, stage
    assert costs["train_annotator"]["trained_parameters"] == 23_040  # the whole model
    assert costs["train_vae"]["trained_parameters"] == 9_440
