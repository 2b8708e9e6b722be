"""Numbers gone wrong: planted one by one, each is refused with its place or flagged by its name."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from lens.core import diagnostics
from lens.latent.vae import diagnose, kl_to_standard_normal, train_vaes
from tests.helpers.embedded_pairs import near_a_plane
from tests.helpers.vaes import constant_vae

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


def trained(beta, epochs=25):
    sides = near_a_plane()
    (vae,) = train_vaes([tuple(sides)], seeds=[0], beta=beta, epochs=epochs, **VAE_SETTINGS)
    return diagnose(vae, *sides)


def test_contradicting_pairs_are_a_flag():
    assert diagnostics.label_flags(0, 9) == []
    assert diagnostics.label_flags(2, 9) == [("contradicting_pairs", "2 of 9 pairs")]


@pytest.mark.slow
def test_a_large_beta_kills_the_vae_and_is_named():
    alive, dead = trained(0.1), trained(1e4)
    assert diagnostics.vae_flags(alive) == []
    assert alive["variance_explained"] > 0.5
    assert dead["active_units_within_sides"] == 0
    (name, detail), *_ = diagnostics.vae_flags(dead)
    assert name == "collapsed_posterior"
    assert "0 of 4 units active" in detail


def test_a_posterior_that_knows_the_side_alone_has_collapsed():
    """Each side has a head of its own, whose constants differ: no unit follows an embedding."""
    sides = near_a_plane(dim=3)
    found = diagnose(constant_vae({"chosen": 1.0, "rejected": -1.0}), *sides)
    assert found["active_units"] == 2
    assert found["active_units_within_sides"] == 0
    assert names(diagnostics.vae_flags(found))[0] == "collapsed_posterior"


def test_variance_explained_by_hand():
    """Zeros are decoded: the error is |e|^2, against the variance."""
    chosen = np.array([[1.0, 0, 0], [3.0, 0, 0]], np.float32)  # mean 2, variance 2; error 10 / 2
    found = diagnose(constant_vae({}), chosen, 0 * chosen)
    assert found["variance_explained"] == pytest.approx(1 - 5 / 2)
    assert "no_reconstruction" in names(diagnostics.vae_flags(found))
    alone = diagnose(constant_vae({}), chosen[:1], chosen[1:])
    assert alone["variance_explained"] is None  # one embedding a side has no variance


def test_few_active_units_are_not_yet_none():
    found = {
        "kl_per_dimension": [1.0] * 16,
        "reconstruction_cosine": 0.5,
        "variance_explained": 0.2,
        "no_nearer_than_mean": False,
    }
    by_count = {
        count: names(diagnostics.vae_flags(found | {"active_units_within_sides": count}))
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
    assert names(diagnostics.loss_flags(losses)) == expected


def test_a_training_loss_beside_that_of_a_coin():
    assert diagnostics.training_loss_flags(0.69) == []
    assert names(diagnostics.training_loss_flags(math.log(2))) == ["training_loss_of_a_coin"]


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
    assert names(diagnostics.pair_flags(outcomes(right, wrong, tied))) == expected


def test_the_sign_test_is_the_binomial_sum():
    ((_, detail),) = diagnostics.pair_flags(outcomes(58, 42))
    chance = sum(math.comb(100, k) for k in range(58, 101)) / 2**100
    assert detail == f"58 of 100 pairs in order, p = {chance:.2g}"


def test_ties_of_candidates_are_counted_by_prompt():
    values = np.array([[1.0, 1, 1], [1, 2, 1], [0, 0, 0]])
    assert diagnostics.tied_rows(values) == 2
    assert names(diagnostics.reward_flags(3, 3)) == ["constant_rewards"]
    assert names(diagnostics.reward_flags(1, 10)) == ["tied_prompts"]
    assert diagnostics.reward_flags(0, 10) == diagnostics.reward_flags(1, 11) == []
    assert names(diagnostics.gold_flags(3, 3)) == ["constant_gold"]
    assert diagnostics.gold_flags(2, 3) == diagnostics.gold_flags(0, 0) == []


def test_half_is_not_most():
    assert diagnostics.judge_flags(2, 4) == diagnostics.judge_flags(0, 0) == []
    assert diagnostics.judge_flags(3, 4) == [("position_decides", "3 of 4 pairs")]
    assert diagnostics.sampling_flags(2, 4) == diagnostics.sampling_flags(0, 0) == []
    assert diagnostics.sampling_flags(3, 4) == [("answers_cut", "3 of 4 answers")]


def test_every_flag_is_documented():
    text = (Path(__file__).resolve().parents[2] / "docs/report.md").read_text(encoding="utf-8")
    described = {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert set(diagnostics.FLAGS) <= described
