"""The qualitative examples: picks, ties, wins and losses by hand, and texts that hold markup."""

import json

import numpy as np
import pandas as pd
import pytest

from lens.cli import main
from lens.evaluation import qualitative
from lens.files import artifacts
from lens.paper import qualitative as paper
from lens.report.examples import Example, conversation, excerpt, fenced
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser

NASTY = "<script>alert(1)</script> | `a` ```\n# not a heading **b** & 100 % \\x {y}"
NAMES = {"original": "Original", "augmented": "LENS 4x", "control": "Repeat 4x"}
TEXTS = ["good", "bad", "good"]  # the third candidate is the first once more
GOLD = [2.0, -1.0, 2.0]


def candidates(prompts, texts=TEXTS, gold=GOLD):
    count = len(texts)
    return pd.DataFrame(
        {
            "prompt_id": np.repeat([f"p{i}" for i in range(prompts)], count),
            "prompt": json.dumps([{"role": "user", "content": NASTY}]),
            "candidate": np.tile(range(count), prompts),
            "response": texts * prompts,
            "gold": gold * prompts,
        }
    )


def picked(**rewards):
    """Picks at one seed from rewards [prompts, 3] of each judge."""
    arrays = {judge: np.array(rewards[judge], float) for judge in qualitative.JUDGES}
    table = candidates(len(arrays["original"]))
    flat = {judge: values.reshape(1, -1) for judge, values in arrays.items()}
    return qualitative.pick(flat, [0], table)


UP, DOWN, THIRD, TIED, SAME = [2, 1, 0], [0, 1, 0], [0, 0, 2], [1, 1, 0], [3, 0, 3]


def test_outcomes_by_hand():
    picks = picked(
        original=[DOWN, UP, UP, DOWN], augmented=[UP, DOWN, THIRD, DOWN], control=[UP, UP, UP, UP]
    )
    assert picks.place["augmented"].tolist() == [[0, 1, 2, 1]]
    assert picks.outcome("augmented", "original").tolist() == [["win", "loss", "same", "same"]]
    assert picks.outcome("original", "augmented").tolist() == [["loss", "win", "same", "same"]]
    assert picks.difference("augmented", "original").tolist() == [[3, -3, 0, 0]]
    assert picks.outcome("control", "original").tolist() == [["win", "same", "same", "win"]]
    table = qualitative.summary(picks).set_index(["first", "second"])
    row = table.loc[("augmented", "original")]
    assert (row["differ"], row["wins"], row["losses"], row["even"]) == (0.5, 0.25, 0.25, 0)
    assert (row["gold_difference"], row["wins_less_losses"]) == (0, 0)
    assert table.loc[("control", "original"), "gold_difference"] == 1.5
    assert table.loc[("augmented", "control"), "gold_difference"] == -1.5
    assert (table[["wins_low", "losses_low"]] >= 0).all(axis=None)


def test_other_texts_of_equal_gold_are_neither_won_nor_lost():
    table = candidates(1, ["a", "b"], [1.0, 1.0])
    rewards = {"original": [[1.0, 0]], "augmented": [[0, 1.0]], "control": [[1.0, 0]]}
    picks = qualitative.pick({judge: np.array(v) for judge, v in rewards.items()}, [0], table)
    assert picks.outcome("augmented", "original").tolist() == [["even"]]
    row = qualitative.summary(picks).iloc[0]
    assert (row["differ"], row["even"], row["wins"], row["losses"]) == (1, 1, 0, 0)
    assert paper.examples("d", picks, 0, NAMES) == []


def test_of_equal_rewards_the_first_is_picked_and_said_so_where_texts_differ():
    picks = picked(original=[TIED], augmented=[SAME], control=[UP])
    assert [picks.place[judge][0, 0] for judge in NAMES] == [0, 0, 0]
    assert [bool(picks.tied[judge][0, 0]) for judge in NAMES] == [True, False, False]
    lower = picked(original=[TIED], augmented=[DOWN], control=[UP])
    (example,) = paper.examples("d", lower, 0, NAMES)
    assert "others have the same reward" in example.texts[1][0]
    assert "others" not in example.texts[2][0]


def test_examples_follow_their_rule():
    gap = np.array([0, *range(30, 0, -1), -1, -2], float)  # 30 wins of size 1 ... 30, two losses
    found = qualitative.telling(gap)
    sizes = [(outcome, percentile, gap[i]) for outcome, percentile, i in found]
    assert sizes == [
        ("win", 10, 3),
        ("win", 50, 15),
        ("win", 90, 27),
        ("loss", 10, -1),
        ("loss", 90, -2),
    ]
    mirrored = [(outcome, percentile, i) for outcome, percentile, i in qualitative.telling(-gap)]
    swap = {"win": "loss", "loss": "win"}
    assert sorted(mirrored) == sorted((swap[o], p, i) for o, p, i in found)
    assert qualitative.telling(np.zeros(5)) == []
    assert qualitative.telling(np.array([2.0, 2.0, 2.0])) == [
        ("win", 10, 0),
        ("win", 50, 1),
        ("win", 90, 2),
    ]


def test_markup_in_texts_shows_as_text():
    example = Example(f"title {NASTY}", [(f"label {NASTY}", NASTY)])
    page = example.html()
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 3
    lines = example.markdown().splitlines()
    opened = lines.index("````text")
    assert lines[opened + 1 : opened + 3] == NASTY.splitlines()
    assert lines[opened + 3] == "````"
    outside = "\n".join(lines[:opened])
    assert r"\<script\>" in outside
    assert r"\|" in outside
    assert fenced("no ticks").startswith("```text\n")
    tex = example.latex()
    assert r"\textless{}script\textgreater{}" in tex
    assert r"\# not a heading **b** \& 100 \% \textbackslash{}x \{y\}" in tex


def test_prompts_and_long_texts_are_read_as_text():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert conversation(json.dumps(turns[:1])) == "a"
    assert conversation(json.dumps(turns)) == "user: a\n\nassistant: b"
    assert excerpt("x" * 1200) == "x" * 1200
    cut = excerpt("a" * 1000 + "b" * 1000, 100)
    assert cut == "a" * 50 + "\n[... 1,900 characters left out ...]\n" + "b" * 50


@pytest.mark.slow
def test_from_reward_models_to_page(tmp_path):
    """The original rewards the worse of two candidates, LENS and its control the better."""
    table = candidates(5, [f"{NASTY} worse", f"{NASTY} better"], [0.0, 1.0])
    artifacts.write_table(tmp_path / "candidates.parquet", table.drop(columns="gold"))
    artifacts.write_table(tmp_path / "gold.parquet", table[["prompt_id", "candidate", "gold"]])
    about = {"rows_sha256": artifacts.sha256(tmp_path / "candidates.parquet")}
    embeddings = {"candidates": np.float32([[0, 1], [1, 0]] * 5)}
    artifacts.write_arrays(tmp_path / "embeddings.safetensors", embeddings, about)
    unit = Standardiser(np.zeros(2, np.float32), np.ones(2, np.float32))
    judges = {"original": ([0, 1], 1), "lens": ([1, 0], 4), "repeat": ([1, 0], 4)}
    for method, (weights, scale) in judges.items():
        for seed in (0, 1):
            head = RewardHead({"w": np.float32(weights)}, unit)
            head.save(tmp_path / method / f"seed_{seed}.safetensors")
        made = {"method": method, "scale": scale, "n_pairs": 300, "seeds": [0, 1]}
        artifacts.write_metrics(tmp_path / method / "metrics.json", made, {}, {})
    arguments = [
        "qualitative",
        "--datasets",
        "d",
        "--model",
        "m",
        "--candidates",
        tmp_path / "candidates.parquet",
        "--candidate-embeddings",
        tmp_path / "embeddings.safetensors",
        "--gold",
        tmp_path / "gold.parquet",
        "--original",
        tmp_path / "original",
        "--augmented",
        tmp_path / "lens",
        "--control",
        tmp_path / "repeat",
        "--out-dir",
        tmp_path / "out",
        "--seed",
    ]
    main([*map(str, arguments), "1"])
    found = pd.read_csv(tmp_path / "out/qualitative.csv").set_index(["first", "second"])
    assert found.loc[("augmented", "original"), "gold_difference"] == 1
    assert found.loc[("augmented", "control"), "differ"] == 0
    seen = pd.read_csv(tmp_path / "out/qualitative_observations.csv")
    assert len(seen) == 2 * 5
    assert (seen["augmented_against_original"] == "win").all()
    told = pd.read_csv(tmp_path / "out/qualitative_paper.csv")
    assert told["ours"].tolist() == [1]
    page = (tmp_path / "out/qualitative.html").read_text()
    assert "<script>" not in page
    assert page.count("LENS 4x picks candidate 1: gold 1.000") == 3  # of 5 equal wins
    assert "loss at" not in page
    with pytest.raises(SystemExit):
        main([*map(str, arguments), "2"])  # no reward model has this seed
