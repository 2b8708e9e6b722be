"""Temperatures, expected calibration error, and what a fitted model says of itself."""

import numpy as np
import pytest

from lens.advice.crossval import correct, fold_of_each, make_round
from lens.advice.fit import fit, held_out
from lens.advice.preferences import read_pairs
from lens.reward.recipes import Recipe, train_explained
from lens.serving.calibration import fit_temperature, log_loss, reliability
from lens.serving.model_card import results
from tests.helpers.embedded_pairs import embedded


def bradley_terry(count, temperature, seed=0):
    """Margins m with P(the labelled answer is preferred) = sigmoid(m / temperature)."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(0, 2, size=count)
    right = rng.random(count) < 1 / (1 + np.exp(-gap))
    return temperature * np.where(right, gap, -gap)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    margins = bradley_terry(20000, temperature)
    assert fit_temperature(margins) == pytest.approx(temperature, rel=0.05)
    assert fit_temperature(1000 * margins) == pytest.approx(1000 * fit_temperature(margins))


def test_extreme_margins_have_finite_temperatures():
    sure = fit_temperature(np.full(50, 2.0))
    assert 0 < sure < 2
    assert 1 / (1 + np.exp(-2.0 / sure)) == pytest.approx(50.5 / 51, abs=1e-3)  # half a pair a side
    assert fit_temperature(np.array([1.0, -1.0] * 20)) > 100
    assert fit_temperature(-np.ones(40)) > 100
    assert fit_temperature(np.zeros(5)) == 1


def test_calibration_error_by_hand():
    """Two bins of 20: stated 0.6, right 0.5; stated 0.9, right 0.95 (ties count a half)."""
    probability = np.concatenate([np.tile([0.6, 0.4], 10), np.full(19, 0.9), [0.1]])
    found = reliability(probability)
    np.testing.assert_allclose(found.confidence, [0.6, 0.9])
    np.testing.assert_allclose(found.accuracy, [0.5, 0.95])
    np.testing.assert_array_equal(found.count, [20, 20])
    assert found.error == pytest.approx((0.1 + 0.05) / 2)
    tie = reliability(np.full(10, 0.5))
    assert tie.accuracy[0] == 0.5
    assert tie.error == 0


def test_calibrated_probabilities_err_as_by_chance_and_others_by_more():
    margins = bradley_terry(4000, 1.0)
    honest = reliability(1 / (1 + np.exp(-margins)))
    boasting = reliability(1 / (1 + np.exp(-5 * margins)))
    assert honest.error < 2 * honest.by_chance
    assert boasting.error > 3 * boasting.by_chance
    assert len(honest.count) == 10


def test_chance_error_shrinks_with_the_number_of_pairs():
    few, many = (reliability(np.full(n, 0.7)).by_chance for n in (200, 20000))
    assert 0 < many < few / 5


def test_a_coin_loses_log_two():
    assert log_loss(np.zeros(3)) == pytest.approx(np.log(2))
    assert log_loss(np.array([50.0, -50.0])) == pytest.approx(25)


def test_held_out_measures_do_not_let_a_pair_calibrate_itself():
    """One fold's margins ten times too large: its own temperature would hide it, others' do not."""
    groups = np.arange(500).astype(str)
    folds = fold_of_each(groups, 0)
    margins = bradley_terry(500, 1.0)
    swollen = np.where(folds == 2, 10 * margins, margins)
    plain, found = (held_out(m[None], folds[None], groups) for m in (margins, swollen))
    assert found["accuracy"] == plain["accuracy"]
    assert found["log_loss"] > plain["log_loss"] + 0.1
    assert plain["log_loss"] == pytest.approx(plain["log_loss_uncalibrated"], abs=0.01)
    scaled = held_out(8 * margins[None], folds[None], groups)
    assert scaled["log_loss"] == pytest.approx(plain["log_loss"], abs=1e-4)
    assert scaled["log_loss_uncalibrated"] > plain["log_loss_uncalibrated"] + 0.5
    assert scaled["calibration_error"] < scaled["calibration_error_uncalibrated"]


def test_fit_trains_on_all_pairs_and_reports_held_out_ones():
    pairs = embedded(100, strength=3.0)
    model = fit(pairs, Recipe("mean_difference"), command="lens fit x")
    direction = model.head.weights["w"] * model.head.standardiser.scale**-1.0
    whole = (pairs.chosen - pairs.rejected) / model.head.standardiser.scale
    expected = whole.mean(axis=0) / model.head.standardiser.scale
    cosine = direction @ expected / np.linalg.norm(direction) / np.linalg.norm(expected)
    assert cosine == pytest.approx(1, abs=1e-5)
    own = model.score_embeddings(pairs.chosen) - model.score_embeddings(pairs.rejected)
    held = model.card["held_out"]["accuracy"]
    assert held["low"] < held["mean"] <= correct(own).mean() + 0.03
    assert model.card["linear"]
    assert model.card["command"] == "lens fit x"
    assert model.card["data"]["sha256"] == pairs.sha256


@pytest.mark.slow
def test_a_fit_repeats_bit_for_bit_and_follows_its_seed():
    pairs = embedded(60, strength=2.0)
    models = [fit(pairs, Recipe("lens", 2), seed=seed) for seed in (0, 0, 1)]
    first, again, other = (model.score_embeddings(pairs.chosen) for model in models)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert models[0].card["held_out"] == models[1].card["held_out"]
    # next to the accuracy: what the VAEs explain whose models reached it
    shares = [
        train_explained(Recipe("lens", 2), make_round(pairs, 1000 + number).data)[1]
        for number in range(3)
    ]
    share = models[0].card["held_out"]["vae_variance_explained"]
    assert share == pytest.approx(np.mean(shares))
    row = ["variance of held-out embeddings that the VAE explains, %", f"{100 * share:.1f}"]
    assert row in results(models[0])
    flagged = {flag["flag"] for flag in models[0].card["flags"]}
    assert "little_reconstruction" in flagged


def test_the_hash_is_of_the_texts():
    one, other = embedded(5), embedded(5)
    assert one.sha256 == other.sha256
    other.table.loc[3, "chosen"] = "changed"
    assert one.sha256 != other.sha256


@pytest.mark.slow
def test_saved_rewards_are_divided_by_the_temperature_of_held_out_margins():
    from lens.advice import fit as fitting
    from lens.advice.crossval import round_margins
    from lens.reward.recipes import train
    from lens.reward.training_set import build_training_set

    pairs = embedded(80, strength=6.0)
    recipe = Recipe("mean_difference")
    model = fit(pairs, recipe)
    seeds = [1000 + number for number in range(fitting.ROUNDS)]
    margins = np.stack([next(round_margins(pairs, [recipe], seed))[1] for seed in seeds])
    temperature = fit_temperature(margins.ravel())
    assert temperature != pytest.approx(1, rel=0.1)
    assert model.card["temperature"] == temperature
    sides = {"chosen": pairs.chosen, "rejected": pairs.rejected}
    data = build_training_set(np.arange(80), pairs.groups, sides, seed=0, validation_fraction=0.1)
    raw = train(recipe, {0: data})[0]
    gap = model.score_embeddings(pairs.chosen) - model.score_embeddings(pairs.rejected)
    np.testing.assert_allclose(
        gap, (raw(pairs.chosen) - raw(pairs.rejected)) / temperature, rtol=1e-3, atol=1e-4
    )


def test_each_folds_temperature_comes_from_the_others_of_its_round():
    groups = np.arange(200).astype(str)
    folds = np.stack([fold_of_each(groups, seed) for seed in (0, 1)])
    margins = np.stack([bradley_terry(200, 1.0), bradley_terry(200, 4.0, seed=1)])
    losses = []
    for values, fold in zip(margins, folds, strict=True):
        for held in range(5):
            rest = fit_temperature(values[fold != held])
            losses.append(np.logaddexp(0, -values[fold == held] / rest))
    found = held_out(margins, folds, groups)
    assert found["log_loss"] == pytest.approx(np.concatenate(losses).mean(), rel=1e-6)


def own_pairs():
    """Pairs with the report that `read_pairs` gives them."""
    rows = [{"prompt": str(i), "chosen": "a", "rejected": "b"} for i in range(100)]
    pairs = embedded(100, strength=2.0)
    pairs.report = read_pairs(rows).report
    return pairs


@pytest.mark.slow
def test_the_card_says_which_error_is_which_and_what_was_chosen(tmp_path):
    model = fit(own_pairs(), Recipe("mean_difference"), chosen_among=7)
    held = model.card["held_out"]
    held |= {
        "calibration_error": 0.011,
        "calibration_error_uncalibrated": 0.222,
        "calibration_error_by_chance": 0.033,
    }
    model.save(tmp_path / "m")
    rows = [line.split("|") for line in (tmp_path / "m/README.md").read_text().splitlines()]
    by_name = {row[1].strip(): row[2].strip() for row in rows if len(row) > 3}
    assert by_name["expected calibration error, points"] == "1.1"
    assert by_name["expected calibration error before calibration, points"] == "22.2"
    assert by_name["the error of perfect probabilities on as many pairs, points"] == "3.3"
    assert "the best of 7 on the same pairs" in (tmp_path / "m/README.md").read_text()
