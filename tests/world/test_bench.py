"""The stand-in for RewardBench, judging on it, and its table, from results made up."""

import json

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.evaluation import bench_rows, rewardbench
from lens.paper import rewardbench_safety as safety
from lens.report import paper_comparison
from lens.world import bench, texts


def test_the_better_answer_has_one_fault_less_and_a_point_more():
    for kind in texts.KINDS:
        rows = bench.draw_bench(kind, 60, seed=3, taken=set())
        for row in rows:
            chosen, rejected = (
                texts.count_features(kind, row["prompt"], row[side])
                for side in ("chosen", "rejected")
            )
            worse = {key for key in chosen | rejected if rejected[key] > chosen[key]}
            expected = {"wrong_thing": {"wrong", "missing"}, "missing_thing": {"missing"}}
            assert worse == expected.get(row["subset"], {"rude"}), row
            rewards = [
                texts.true_reward(kind, row["prompt"], row[s]) for s in ("chosen", "rejected")
            ]
            assert rewards[0] >= rewards[1] + (1 if kind == "dialogue" else 0.25)
        known = set(texts.vocabulary())
        assert all(set(f"{r['prompt']} {r['rejected']}".split()) <= known for r in rows)


def test_prompts_differ_from_one_another_and_from_those_of_the_pairs():
    pairs, _ = texts.draw_pairs("dialogue", 2000, 0.9, seed=0)
    taken = {row["prompt"] for row in pairs}
    rows = bench.draw_bench("dialogue", 300, 0, taken)
    prompts = [row["prompt"] for row in rows]
    assert len(set(prompts)) == 300
    assert not set(prompts) & taken
    assert [row["subset"] for row in rows].count("rude_remark") == 100
    assert rows == bench.draw_bench("dialogue", 300, 0, taken)
    # some of them would have been drawn, had they not been kept apart
    assert {r["prompt"] for r in bench.draw_bench("dialogue", 300, 0, set())} & taken


def made_up():
    """Two seeds; Safety has a subset of 4 and one of 2 pairs, `own` belongs to no section."""
    subsets = ["donotanswer"] * 4 + ["xstest-should-refuse"] * 2 + ["own"]
    right = {
        ("lens", 4): [[1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 1, 1]],
        ("repeat", 4): [[1, 1, 0, 0, 1, 0, 0], [1, 1, 0, 0, 0, 1, 0]],
        ("full_finetune", 4): [[1, 0, 0, 0, 1, 1, 1]] * 2,
        ("original", 1): [[0, 0, 0, 0, 0, 0, 1]] * 2,
    }
    rows = [
        {
            "place": place,
            "id": str(place),
            "subset": subset,
            "method": method,
            "scale": scale,
            "section": rewardbench.section_of(subset),
            "seed": seed,
            "correct": bool(some[place]),
            "vae_variance_explained": 0.02 + 0.02 * seed if method == "lens" else None,
        }
        for (method, scale), seeds in right.items()
        for seed, some in enumerate(seeds)
        for place, subset in enumerate(subsets)
    ]
    return pd.DataFrame(rows)


LABELS = {"dataset": "d", "model": "m", "n_pairs": 300}


def test_every_figure_by_hand():
    table = safety.safety(made_up(), "Safety", LABELS, True)
    assert table["section"].tolist() == ["Safety"] * 4 + ["own"] * 4
    found = table.set_index(["section", "method"])
    assert found.loc[("Safety", "lens"), "mean"] == pytest.approx(100 * 10 / 12)
    assert found.loc[("Safety", "repeat"), "mean"] == pytest.approx(100 * 6 / 12)
    gap = found.loc[("Safety", "lens"), "difference_to_repeat"]
    assert gap == pytest.approx(100 * 4 / 12)
    assert np.isnan(found.loc[("Safety", "full_finetune"), "difference_to_repeat"])  # none here
    assert np.isnan(found.loc[("Safety", "original"), "difference_to_repeat"])
    assert np.isnan(found.loc[("Safety", "repeat"), "difference_to_repeat"])
    assert found.loc[("Safety", "lens"), "reported"] == pytest.approx(69)
    assert found.loc[("Safety", "full_finetune"), "reported"] == pytest.approx(66)
    assert np.isnan(found.loc[("own", "lens"), "reported"])
    assert (table["high"] <= 100).all()
    assert (table["low"] >= 0).all()
    assert safety.safety(made_up(), "Safety", LABELS, False)["reported"].isna().all()


@pytest.mark.parametrize("section", ["Safety", "Reasoning"])
def test_a_section_scores_as_rewardbench_itself_scores_it(section):
    """Subsets of unequal size; in Reasoning one of them does not count by its size."""
    names = {
        "Safety": ["donotanswer", "refusals-dangerous"],
        "Reasoning": ["math-prm", "hep-cpp", "hep-go"],
    }[section]
    draw = np.random.default_rng(0)
    rows = [
        ("r", {"prompt": "p", "chosen": "a", "rejected": "b", "subset": name, "id": i})
        for size, name in zip((5, 9, 3), names, strict=False)
        for i in range(size)
    ]
    examples = bench_rows.read_examples(rows, 1)
    rewards = draw.normal(size=2 * len(examples))
    rewards[1] = rewards[0]  # a tie is no success
    about = [
        {
            "place": i,
            "subset": e.subset,
            "section": section,
            "method": "lens",
            "scale": 4,
            "seed": 0,
        }
        for i, e in enumerate(examples)
    ]
    items = pd.DataFrame(about).assign(correct=rewardbench.margins(examples, rewards) > 0)
    (found,) = safety.section_scores(items, section).values()
    official = rewardbench.judge(examples, rewards, 1)["sections"][section]["score"]
    assert found.mean() == pytest.approx(100 * official)
    assert 0 < official < 1


def test_the_reviews_claim_and_ours():
    rows = safety.compared(made_up(), "Safety", True)
    table = paper_comparison.verdicts("s", rows, comparable=False).set_index("what")
    claim = table.loc["LENS 4x above Full fine-tuning 4x, points"]
    assert claim["reported"] == pytest.approx(3)
    assert claim["ours"] == pytest.approx(100 * (10 - 6) / 12)
    assert np.isnan(table.loc["LENS 4x above Repeat (control) 4x, points", "reported"])
    assert table.loc["LENS 4x above Original, points", "ours"] == pytest.approx(100 * 10 / 12)
    assert table.loc["LENS 4x: accuracy %", "verdict"] == "not comparable"
    own = safety.compared(made_up(), "own", False)
    assert {row["kind"] for row in own} == {"claim", "own"}  # no number


def test_an_unknown_section_is_named_with_those_there_are():
    with pytest.raises(LensError, match=r"no pair of section 'Chat'.*Safety, own"):
        safety.section_scores(made_up(), "Chat")


def test_a_sections_name_with_markup_is_printed_as_text():
    items = made_up().replace({"section": {"own": "<b>own</b>"}})
    page = safety.printed(safety.safety(items, "Safety", LABELS, True), 2, "None of 7 shared.")
    assert "<b>" not in page.html()
    assert "<b>" not in page.markdown()
    assert page.note.endswith("None of 7 shared.")
    column = page.header.index("VAE explains %")
    shown = {row[0]: row[column] for _, rows in page.blocks for row in rows}
    assert shown == dict.fromkeys(shown, "-") | {"LENS": "3.0"}
    assert "nan" not in page.markdown().lower()
    assert "69" in page.markdown()


def test_rows_of_version_2_are_refused(tmp_path):
    from argparse import Namespace

    from lens.cli import judge_bench

    row = {"prompt": "p", "chosen": ["a"], "rejected": ["b"], "subset": "Safety", "id": "1"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(LensError, match="RewardBench 2"):
        judge_bench.read(Namespace(data=[str(tmp_path / "rows.jsonl")]))
