"""Numbers gone wrong: planted one by one, each is refused with its place or flagged by its name."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lens.advice.advise import conclude
from lens.advice.fit import fit
from lens.advice.own_pairs import EmbeddedPairs, import_embeddings, read_pairs
from lens.advice.result import as_text
from lens.core import diagnostics
from lens.core.errors import LensError
from lens.core.intervals import Interval, crossed_interval
from lens.evaluation import judge
from lens.files import artifacts
from lens.latent.vae import VAE, diagnose, kl_to_standard_normal, train_vaes
from lens.reward.head import RewardHead
from lens.reward.recipes import Recipe, vae_flags
from lens.reward.training_set import Standardiser, training_set
from lens.serving.model_card import results_text
from lens.serving.reward_model import RewardModel
from lens.serving.scoring import Tally, score_rows

VAE_SETTINGS = {
    "hidden": 8,
    "latent": 4,
    "sharing": "shared_trunk_separate_heads",
    "gamma": 0.1,
    "learning_rate": 1e-2,
    "batch_size": 32,
}


def names(found):
    return [name for name, _ in found]


def embeddings(count=120, dim=6, seed=0):
    """Chosen and rejected [n, d] that lie near a plane, so that a VAE has something to find."""
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(2, count, 2)) @ rng.normal(size=(2, dim))
    return (sides + 0.05 * rng.normal(size=sides.shape)).astype(np.float32)


def trained(beta, epochs=25):
    sides = embeddings()
    (vae,) = train_vaes([tuple(sides)], seeds=[0], beta=beta, epochs=epochs, **VAE_SETTINGS)
    return diagnose(vae, *sides)


def test_contradicting_pairs_are_a_flag():
    assert diagnostics.of_labels(0, 9) == []
    assert diagnostics.of_labels(2, 9) == [("contradicting_pairs", "2 of 9 pairs")]


def test_a_large_beta_kills_the_vae_and_is_named():
    alive, dead = trained(0.1), trained(1e4)
    assert diagnostics.of_vae(alive) == []
    assert alive["variance_explained"] > 0.5
    assert dead["active_units_within_sides"] == 0
    (name, detail), *_ = diagnostics.of_vae(dead)
    assert name == "collapsed_posterior"
    assert "0 of 4 units active" in detail


def constant_vae(means):
    """A VAE whose posterior means are these constants, one a side, whatever it reads."""
    vae = VAE(3, 4, 2, "shared_trunk_separate_heads")
    with torch.no_grad():
        for parts in (vae.trunk, vae.mean_head, vae.log_variance_head, vae.decoder):
            for value in parts.parameters():
                value.zero_()
        for side, mean in means.items():
            vae.mean_head[side].bias.fill_(mean)
    return vae.eval()


def test_a_posterior_that_knows_the_side_alone_has_collapsed():
    """Each side has a head of its own, whose constants differ: no unit follows an embedding."""
    sides = embeddings(dim=3)
    found = diagnose(constant_vae({"chosen": 1.0, "rejected": -1.0}), *sides)
    assert found["active_units"] == 2
    assert found["active_units_within_sides"] == 0
    assert names(diagnostics.of_vae(found))[0] == "collapsed_posterior"


def test_variance_explained_by_hand():
    """Zeros are decoded: the error is |e|^2, against that of each side's mean."""
    chosen = np.array([[1.0, 0, 0], [3.0, 0, 0]], np.float32)  # mean 2: error 10 against 2
    found = diagnose(constant_vae({}), chosen, 0 * chosen)
    assert found["variance_explained"] == pytest.approx(1 - 10 / 2)
    assert "no_reconstruction" in names(diagnostics.of_vae(found))
    alone = diagnose(constant_vae({}), chosen[:1], chosen[1:])
    assert alone["variance_explained"] is None  # one embedding a side has no variance


def test_few_active_units_are_not_yet_none():
    found = {
        "kl_per_dimension": [1.0] * 16,
        "reconstruction_cosine": 0.5,
        "variance_explained": 0.2,
    }
    by_count = {
        count: names(diagnostics.of_vae(found | {"active_units_within_sides": count}))
        for count in (0, 1, 3, 4, 16)
    }
    assert by_count == {
        0: ["collapsed_posterior"],
        1: ["few_active_units"],
        3: ["few_active_units"],
        4: [],
        16: [],
    }


def test_a_unit_of_little_kl_is_never_active():
    """Var(mu) <= E mu^2 <= 2 KL: 0.005 nats leave no more than the 0.01 of an active one."""
    mean = torch.tensor([0.1, -0.1]).repeat(50)[:, None]
    assert kl_to_standard_normal(mean, 0 * mean).mean().item() == pytest.approx(0.005)
    assert mean.var(unbiased=False).item() == pytest.approx(0.01)
    rng = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 1000, 20, generator=rng)
    kl = kl_to_standard_normal(mean, log_variance).mean(dim=0)
    assert (mean.var(dim=0, unbiased=False) <= 2 * kl).all()


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], []),
        ([0.70, 0.69], []),
        ([0.80, 0.70], ["loss_of_a_coin"]),
        ([math.log(2), math.log(2)], ["loss_of_a_coin"]),
        ([0.60, 7.0], ["exploding_loss"]),
        ([0.60, 6.9], []),
        ([50.0, 9.0], ["loss_of_a_coin", "exploding_loss"]),
    ],
)
def test_losses_beside_those_of_a_coin(losses, expected):
    assert names(diagnostics.of_losses(losses)) == expected


def test_a_training_loss_beside_that_of_a_coin():
    assert diagnostics.of_training_loss(0.69) == []
    assert names(diagnostics.of_training_loss(math.log(2))) == ["training_loss_of_a_coin"]


def outcomes(right, wrong, tied=0):
    return np.repeat([1.0, 0.0, 0.5], [right, wrong, tied])


@pytest.mark.parametrize(
    ("right", "wrong", "tied", "expected"),
    [
        (5, 0, 0, []),  # 1/32 by chance
        (4, 0, 0, ["not_above_chance"]),  # 1/16
        (0, 5, 0, ["below_chance"]),
        (59, 41, 0, []),  # P(X >= 59) = 0.044
        (58, 42, 0, ["not_above_chance"]),  # 0.067
        (41, 59, 0, ["below_chance"]),
        (42, 58, 0, ["not_above_chance"]),
        (119, 94, 0, []),  # 0.04993
        (182, 151, 0, ["not_above_chance"]),  # 0.05002
        (94, 119, 0, ["below_chance"]),
        (151, 182, 0, ["not_above_chance"]),
        (59, 41, 11, []),
        (59, 41, 12, ["tied_pairs"]),
        (0, 0, 7, ["all_pairs_tied"]),  # an accuracy of 50 %, and no coin's
    ],
)
def test_chance_is_told_by_an_exact_sign_test(right, wrong, tied, expected):
    assert names(diagnostics.of_pairs(outcomes(right, wrong, tied))) == expected


def test_the_sign_test_is_the_binomial_sum():
    ((_, detail),) = diagnostics.of_pairs(outcomes(58, 42))
    chance = sum(math.comb(100, k) for k in range(58, 101)) / 2**100
    assert detail == f"58 of 100 pairs in order, p = {chance:.2g}"


def test_ties_of_candidates_are_counted_by_prompt():
    values = np.array([[1.0, 1, 1], [1, 2, 1], [0, 0, 0]])
    assert diagnostics.tied_rows(values) == 2
    assert names(diagnostics.of_rewards(3, 3)) == ["constant_rewards"]
    assert names(diagnostics.of_rewards(1, 10)) == ["tied_prompts"]
    assert diagnostics.of_rewards(0, 10) == diagnostics.of_rewards(1, 11) == []
    assert names(diagnostics.of_gold(3, 3)) == ["constant_gold"]
    assert diagnostics.of_gold(2, 3) == diagnostics.of_gold(0, 0) == []


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
    chosen, rejected = embeddings(40)
    chosen[:, 1] = rejected[:, 1] = 3.0
    rejected[:4] = chosen[:4]
    sides = {"chosen": chosen, "rejected": rejected}
    part = training_set(table(40), sides, n_pairs=40, seed=0, validation_fraction=0.1)
    assert (part.constant_features, part.identical_pairs) == (1, 4)
    assert np.isfinite(part.chosen).all()
    found = diagnostics.of_embeddings(1, 6, 4, 40)
    assert found == [("constant_features", "1 of 6 features"), ("identical_pairs", "4 of 40 pairs")]
    assert diagnostics.of_embeddings(0, 6, 0, 40) == []


def test_embeddings_that_say_nothing_at_all_are_refused():
    chosen, _ = embeddings(20)
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
    chosen, rejected = embeddings(20)
    rejected[7, 2] = np.nan
    with pytest.raises(LensError, match="the embedding of pair a7, rejected is not finite"):
        EmbeddedPairs(table(20), chosen, rejected, None, {})


def test_numbers_that_are_none_do_not_pass_as_json(tmp_path):
    with pytest.raises(LensError, match=r"m\.json: .* not finite, by_seed/1/loss/2 = inf"):
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
    chosen, rejected = embeddings(40)
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
    chosen, rejected = embeddings(40, dim=3)
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
        def score(self, prompts, responses):
            return np.array([float(text == "good") for text in responses])

    row = {"prompt": "p", "chosen": "good", "rejected": "bad"}
    tally = Tally()
    score_rows(Model(), [("1", row), ("2", row | {"chosen": "dull"})], tally)
    assert tally.summary(Model()) == (
        "2 pairs scored; the labelled answer is preferred in 75.0 % (ties, half right each: 1)."
    )


def test_every_flag_is_documented():
    text = (Path(__file__).resolve().parents[2] / "docs/report.md").read_text(encoding="utf-8")
    described = {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert set(diagnostics.FLAGS) <= described
