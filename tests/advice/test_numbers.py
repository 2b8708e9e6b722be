"""Numbers gone wrong: planted one by one, each is refused with its place or said in words."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from lens.advice.advise import conclude
from lens.advice.fit import fit
from lens.advice.own_pairs import EmbeddedPairs, import_embeddings
from lens.advice.preferences import read_pairs
from lens.advice.result import as_text
from lens.core import diagnostics
from lens.core.errors import LensError
from lens.core.intervals import Interval, crossed_interval
from lens.evaluation import judge
from lens.files import artifacts
from lens.reward.head import RewardHead
from lens.reward.recipes import Recipe, vae_flags
from lens.reward.training_set import Standardiser, training_set
from lens.serving.model_card import results_text
from lens.serving.reward_model import RewardModel
from lens.serving.scoring import Tally, score_rows
from tests.helpers.embedded_pairs import near_a_plane
from tests.helpers.vaes import constant_vae


def pool(gold):
    gold = np.asarray(gold, float)
    prompts, each = gold.shape
    return pd.DataFrame(
        {
            "prompt_id": np.repeat([f"p{i}" for i in range(prompts)], each),
            "candidate": np.tile(range(each), prompts),
            "response": "x",
            "gold": gold.ravel(),
        }
    )


def judged(rewards, pair_rewards, candidates):
    test = pd.DataFrame({"id": [f"t{i}" for i in range(len(pair_rewards[0][0]))]})
    prompts = judge.judge_candidates(rewards, candidates)
    pairs = judge.judge_pairs(dict(zip(rewards, pair_rewards, strict=True)), test)
    return judge.summary(prompts, pairs, candidates, rewards)


def test_a_constant_reward_model_is_named_beside_its_accuracy_of_a_half():
    rng = np.random.default_rng(0)
    gold = rng.normal(size=(20, 4))
    good, constant = gold.ravel(), np.ones(80)
    sides = (np.ones(30), np.zeros(30)), (np.ones(30), np.ones(30))
    found = judged({3: good, 7: constant}, sides, pool(gold))
    assert found["pair_accuracy"] == {"3": 1.0, "7": 0.5}
    assert found["tied_pairs"] == {"3": 0, "7": 30}
    assert found["tied_prompts"] == {"3": 0, "7": 20}
    assert [(f["flag"], f["seed"]) for f in found["flags"]] == [
        ("all_pairs_tied", 7),
        ("constant_rewards", 7),
    ]


def test_gold_that_tells_no_candidate_from_another_is_named():
    gold = np.repeat([[1.0], [2.0]], 3, axis=1)
    found = judged({0: np.arange(6.0)}, [(np.ones(9), np.zeros(9))], pool(gold))
    assert [f["flag"] for f in found["flags"]] == ["constant_gold"]
    about = judge.describe_gold(pool(gold))
    assert about["prompts_of_one_score"] == 2
    assert [f["flag"] for f in about["flags"]] == ["constant_gold"]
    alone = judge.describe_gold(pool(gold[:, :1]))  # one answer a prompt is not compared
    assert alone["flags"] == []
    assert alone["sd_gold_within_prompts"] is None
    json.dumps(alone, allow_nan=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rewards_that_are_not_finite_are_refused_by_name(value):
    rewards = np.arange(6.0)
    rewards[4] = value
    with pytest.raises(LensError, match="seed 2: the reward of a candidate of prompt p1"):
        judge.judge_candidates({2: rewards}, pool(np.zeros((2, 3))))
    test = pd.DataFrame({"id": [f"t{i}" for i in range(6)]})
    with pytest.raises(LensError, match="seed 2: the reward of the rejected answer of pair t4"):
        judge.judge_pairs({2: (np.zeros(6), rewards)}, test)


def test_a_reward_model_gives_no_nan():
    head = RewardHead(
        {"w": np.array([np.nan, 1.0], np.float32)},
        Standardiser(np.zeros(2, np.float32), np.ones(2, np.float32)),
    )
    model = RewardModel(head, None, {})
    with pytest.raises(LensError, match="the reward of text 1 is not finite"):
        model.score_embeddings(np.ones((3, 4, 2)))


def table(count):
    return pd.DataFrame(
        {
            "id": [f"a{i}" for i in range(count)],
            "group": [str(i) for i in range(count)],
            "prompt": "[]",
            "chosen": "x",
            "rejected": "y",
            "split": "train",
        }
    )


def test_features_and_pairs_that_say_nothing_are_counted():
    chosen, rejected = near_a_plane(40)
    chosen[:, 1] = rejected[:, 1] = 3.0
    rejected[:4] = chosen[:4]
    sides = {"chosen": chosen, "rejected": rejected}
    part = training_set(table(40), sides, n_pairs=40, seed=0, validation_fraction=0.1)
    assert (part.constant_features, part.identical_pairs) == (1, 4)
    assert np.isfinite(part.chosen).all()
    found = diagnostics.embedding_flags(1, 6, 4, 40)
    assert found == [("constant_features", "1 of 6 features"), ("identical_pairs", "4 of 40 pairs")]
    assert diagnostics.embedding_flags(0, 6, 0, 40) == []


def test_embeddings_that_say_nothing_at_all_are_refused():
    chosen, _ = near_a_plane(20)
    how = {"n_pairs": 20, "seed": 0, "validation_fraction": 0.1}
    same = {"chosen": chosen, "rejected": chosen}
    with pytest.raises(LensError, match="same embeddings in all of 20 pairs"):
        training_set(table(20), same, **how)
    with pytest.raises(LensError, match="none of 6 features varies"):
        training_set(table(20), {"chosen": 0 * chosen + 2, "rejected": 0 * chosen + 2}, **how)


@pytest.mark.parametrize(("value", "dtype"), [(7e4, "float16"), (3.4e38, "bfloat16")])
def test_values_beyond_a_number_format_are_refused_before_they_are_saved(value, dtype):
    found = np.ones((3, 2), np.float32)
    found[1, 1] = value
    with pytest.raises(LensError, match=f"the embedding of b .* too large for {dtype}"):
        artifacts.check_holds(dtype, found, ["a", "b", "c"])
    artifacts.check_holds("float32", found, ["a", "b", "c"])
    artifacts.check_holds(dtype, found[[0, 2]], ["a", "c"])


def test_a_pair_whose_embedding_is_not_finite_is_named():
    chosen, rejected = near_a_plane(20)
    rejected[7, 2] = np.nan
    with pytest.raises(LensError, match="the embedding of pair a7, rejected is not finite"):
        EmbeddedPairs(table(20), chosen, rejected, None, {})


def test_numbers_that_are_none_do_not_pass_as_json(tmp_path):
    with pytest.raises(LensError, match=r"m\.json: .* not finite: by_seed/1/loss/2 = inf"):
        artifacts.write_json(
            tmp_path / "m.json", {"by_seed": {"0": 1.0, "1": {"loss": [0.1, 0.2, math.inf]}}}
        )
    assert not (tmp_path / "m.json").exists()
    for constant in ("NaN", "Infinity", "-Infinity"):
        (tmp_path / "m.json").write_text(f'{{"mean_gold": {constant}}}')
        with pytest.raises(LensError, match=rf"m\.json is damaged \(it holds {constant}"):
            artifacts.read_json(tmp_path / "m.json")


def test_no_value_is_left_out_of_a_mean():
    values = np.ones((3, 5))
    assert crossed_interval(values).mean == 1
    values[1, 2] = np.nan
    with pytest.raises(LensError, match="1 of 15 values to average"):
        crossed_interval(values)
    with pytest.raises(LensError, match="0 of 0 values"):
        crossed_interval(values[:, :0])


def test_advice_says_in_words_what_is_wrong_with_the_numbers():
    chosen, rejected = near_a_plane(40)
    rejected[:5] = chosen[:5]
    pairs = EmbeddedPairs(table(40), chosen, rejected, None, {"source": "s"})
    one = np.ones((3, 40))
    margins = {
        Recipe("evidence_probe"): one,
        Recipe("linear_probe"): one,
        Recipe("original"): one,
        Recipe("repeat", 4): one,
        Recipe("lens", 4): 0 * one,
    }
    advice = conclude(pairs, margins)
    assert [flag["flag"] for flag in advice.flags] == ["identical_pairs", "all_pairs_tied"]
    half = Interval(0.5, 0.5, 0.5)
    curve = {
        "recipe": "r",
        "sizes": [1],
        "measured": [half],
        "ahead": [1, 2],
        "predicted": [half, half],
    }
    advice.curve = type("Curve", (), curve)
    text = as_text(advice)
    assert "  identical pairs (5 of 40 pairs): both answers" in text
    assert "  all pairs tied (LENS 4x, 120 of 120 pairs): the reward model" in text
    advice.flags = []
    assert "Beware" not in as_text(advice)


@pytest.mark.slow
def test_a_fitted_model_says_that_it_is_a_coin(tmp_path):
    """On the terminal, in its card's file and on its page; where it is none, nowhere."""
    rows = [{"prompt": f"p{i}", "chosen": "a", "rejected": "b"} for i in range(60)]
    noise = np.random.default_rng(0).normal(size=(60, 2, 5)).astype(np.float32)
    told = noise + np.array([[1.0], [-1.0]], np.float32)
    for name, array, flagged in (("coin", noise, ["not_above_chance"]), ("good", told, [])):
        np.save(tmp_path / f"{name}.npy", array)
        pairs = import_embeddings(read_pairs(rows), tmp_path / f"{name}.npy")
        model = fit(pairs, "mean_difference")
        model.save(tmp_path / name)
        card = artifacts.read_json(tmp_path / name / "config.json")
        assert [flag["flag"] for flag in card["flags"]] == flagged
        for text in (results_text(model), (tmp_path / name / "README.md").read_text()):
            assert ("Beware" in text) == ("not above chance (" in text) == bool(flagged)


def test_vaes_with_one_flag_are_named_once():
    chosen, rejected = near_a_plane(40, dim=3)
    sides = {"chosen": chosen, "rejected": rejected}
    part = training_set(table(40), sides, n_pairs=40, seed=0, validation_fraction=0.1)
    dead = {seed: constant_vae({}) for seed in (1, 2, 3)}
    found = vae_flags(dict.fromkeys(dead, part), dead)
    assert [flag["flag"] for flag in found] == ["collapsed_posterior", "no_reconstruction"]
    assert "0 of 2 units active" in found[0]["detail"]
    assert found[0]["detail"].endswith("(3 of 3 VAEs)")
    alone = vae_flags({1: part}, {1: dead[1]})
    assert "VAEs" not in alone[0]["detail"]


def test_ties_are_counted_where_pairs_are_scored():
    class Model:
        note = None

        def embed(self, prompts, responses):
            return np.array([float(text == "good") for text in responses])

        def score_embeddings(self, embeddings):
            return embeddings

    row = {"prompt": "p", "chosen": "good", "rejected": "bad"}
    tally = Tally()
    score_rows(Model(), [("1", row), ("2", row | {"chosen": "dull"})], tally)
    assert tally.summary(Model()) == (
        "2 pairs scored; the labelled answer is preferred in 75.0 % (ties, half right each: 1)."
    )
