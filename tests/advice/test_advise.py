"""Advice for own pairs: cross-validation, intervals, the rule of recommendation, the budget."""

import numpy as np
import pytest

from lens.advice import advise as advising
from lens.advice import learning_curve
from lens.advice.advise import Advice, Comparison, advise, conclude, recipes_for
from lens.advice.crossval import correct, make_round, reconstruction_flags_of
from lens.advice.crossval import round_margins as held_out_margins
from lens.advice.learning_curve import extrapolate, fit_curve
from lens.advice.own_pairs import EmbeddedPairs
from lens.advice.report import as_json, draw
from lens.advice.result import about, as_text, table
from lens.core.errors import LensError
from lens.core.intervals import Interval
from lens.latent.vae import diagnose
from lens.reward import methods
from lens.reward.recipes import Recipe, train_seed_vaes
from tests.helpers.embedded_pairs import embedded


def constant(accuracies, count=400):
    """Margins [3, count] of recipes, right on the share of pairs given, the same pairs first."""
    places = (np.arange(count) * 0.6180339887) % 1
    return {
        recipe: np.tile(np.where(places < share, 1.0, -1.0), (3, 1))
        for recipe, share in accuracies.items()
    }


PLAIN = {
    Recipe("original"): 0.60,
    Recipe("linear_probe"): 0.63,
    Recipe("repeat", 2): 0.61,
}


@pytest.mark.slow
def test_augmentation_is_recommended_only_if_it_beats_every_plain_recipe_surely():
    pairs = embedded(400)
    clear = conclude(pairs, constant(PLAIN | {Recipe("lens", 2): 0.70}))
    assert clear.recommended == Recipe("lens", 2)
    beats_control_only = conclude(pairs, constant(PLAIN | {Recipe("lens", 2): 0.632}))
    assert beats_control_only.recommended == Recipe("linear_probe")
    text = about(beats_control_only, "lens")
    assert "+2.2 points" in text.split("Against the best plain recipe")[0]
    assert "Against the best plain recipe (linear probe): +0.2 points" in text
    worse = conclude(pairs, constant(PLAIN | {Recipe("lens", 2): 0.5}))
    assert worse.recommended == Recipe("linear_probe")


@pytest.mark.slow
def test_a_gain_that_does_not_survive_correction_is_not_recommended():
    """13 pairs of 400 won and 4 lost: sure for one recipe, not for the best of three."""
    base = constant(dict.fromkeys(PLAIN, 0.5))
    one = next(iter(base.values()))[0]
    right, wrong = np.flatnonzero(one > 0), np.flatnonzero(one < 0)
    better = one.copy()
    better[wrong[:13]], better[right[:4]] = 1, -1
    lens = {Recipe("lens", 2): np.tile(better, (3, 1))}
    worse = {Recipe("lens", k): np.full((3, 400), -1.0) for k in (4, 8)}
    assert conclude(embedded(400), base | lens).recommended == Recipe("lens", 2)
    advice = conclude(embedded(400), base | lens | worse)
    assert all(each.difference.low > 0 for each in advice.comparisons[: len(PLAIN)])
    assert not advice.recommended.synthetic


@pytest.mark.slow
def test_an_mlp_is_recommended_only_if_it_is_told_from_the_best_probe():
    pairs = embedded(400)
    ahead = conclude(pairs, constant(PLAIN | {Recipe("repeat", 2): 0.7}))
    assert ahead.recommended == Recipe("repeat", 2)
    level = conclude(pairs, constant(PLAIN | {Recipe("repeat", 2): 0.632}))
    assert level.recommended == Recipe("linear_probe")


@pytest.mark.slow
def test_without_time_for_augmentation_the_plain_recipes_are_compared(monkeypatch):
    plain = recipes_for([])
    monkeypatch.setattr(advising, "_plan", lambda *arguments, **tried: (plain, 1, {}))
    advice = advise(embedded(60, dim=4, strength=2.0), rounds=1)
    assert not advice.comparisons
    assert set(advice.accuracy) == {Recipe("original"), *(Recipe(m) for m in methods.PROBES)}
    text = as_text(advice)
    assert "Augmentation was not tried: not enough time" in text
    assert "Do not augment" not in text  # of which nothing is known


def test_the_best_of_several_winners_is_taken():
    synthetic = {Recipe("lens", 2): 0.70, Recipe("lens_plus", 2): 0.74}
    advice = conclude(embedded(400), constant(PLAIN | synthetic))
    assert advice.recommended == Recipe("lens_plus", 2)


@pytest.mark.slow
def test_intervals_widen_with_the_number_of_synthetic_recipes():
    pairs = embedded(400)
    one = conclude(pairs, constant(PLAIN | {Recipe("lens", 2): 0.66}))
    more = {Recipe("lens", 2): 0.66}
    more |= {Recipe(name, 2): 0.5 for name in ("lens_plus", "gaussian_sampling")}
    many = conclude(pairs, constant(PLAIN | more))
    first, second = one.comparisons[0], many.comparisons[0]
    assert first.difference == second.difference == first.corrected
    assert second.corrected.low < first.corrected.low < first.corrected.high


def test_each_synthetic_recipe_meets_its_control_and_every_plain_one():
    recipes = recipes_for([2, 4])
    assert Recipe("lens", 4).control == Recipe("repeat", 4)
    assert Recipe("original").control == Recipe("original")
    assert [r for r in recipes if r.synthetic] == [
        Recipe("lens", 2),
        Recipe("lens", 4),
        Recipe("lens_plus", 4),
    ]
    assert {r.method for r in recipes} >= {"original", *methods.PROBES, "repeat"}
    advice = conclude(embedded(400), constant(dict.fromkeys(recipes, 0.6)))
    plain = [r for r in recipes if not r.synthetic]
    assert [(c.recipe, c.control) for c in advice.comparisons] == [
        (recipe, control) for recipe in recipes if recipe.synthetic for control in plain
    ]


@pytest.mark.slow
def test_under_the_null_augmentation_is_seldom_recommended():
    """Synthetic recipes as good as the plain ones, on random pairs: at most 5 % by design."""
    rng = np.random.default_rng(0)
    recipes = recipes_for([2, 4])
    pairs, wins = embedded(100), 0
    for _ in range(100):
        common = rng.normal(0.3, 1, size=100)
        margins = {r: common + rng.normal(0, 0.7, size=(3, 100)) for r in recipes}
        wins += conclude(pairs, margins).recommended.synthetic
    assert wins <= 5


@pytest.mark.slow
def test_the_converged_vae_is_tried_on_request_against_the_same_controls():
    advice = advise(embedded(60, dim=4, strength=2.0), scales=[2], rounds=1, converged=True)
    recipe = Recipe("lens_converged", 2)
    assert {*advice.accuracy} == {*recipes_for([2], converged=True)}
    controls = [c.control for c in advice.comparisons if c.recipe == recipe]
    assert controls == [r for r in recipes_for([2]) if not r.synthetic]
    assert "LENS with a converged VAE 2x against repeat 2x" in str(advice)
    assert {*advice.explained} == {recipe, Recipe("lens", 2)}
    assert advice.explained[recipe] > advice.explained[Recipe("lens", 2)]


@pytest.fixture(scope="module")
def advice():
    return advise(embedded(60, dim=4, strength=2.0), scales=[2], rounds=2)


@pytest.mark.slow
def test_advise_runs_every_recipe_and_repeats_bit_for_bit(advice):
    assert list(advice.margins) == recipes_for([2])
    assert {margins.shape for margins in advice.margins.values()} == {(2, 60)}
    again = [Recipe("lens", 2), Recipe("lens_plus", 2), Recipe("linear_probe")]
    for recipe, margins in held_out_margins(embedded(60, dim=4, strength=2.0), again, 1):
        np.testing.assert_array_equal(margins, advice.margins[recipe][1])
    assert advice.accuracy[Recipe("evidence_probe")].mean > 0.6
    assert advice.curve.recipe.method in methods.PROBES


@pytest.mark.slow
def test_advice_says_what_it_measured(advice):
    text, found = as_text(advice), as_json(advice)
    assert repr(advice) == str(advice) == text
    best = advice.accuracy[advice.recommended]
    assert f"Recommended: {advice.recommended} ({100 * best.mean:.1f} %" in text
    assert "LENS 2x against repeat 2x (the same number of steps): " in text
    assert "240 pairs" in text
    assert found["recommended"] == {
        "method": advice.recommended.method,
        "scale": advice.recommended.scale,
    }
    assert found["augmentation_recommended"] == advice.recommended.synthetic
    by_recipe = {(a["method"], a["scale"]): a["mean"] for a in found["accuracy"]}
    assert by_recipe[("repeat", 2)] == advice.accuracy[Recipe("repeat", 2)].mean


@pytest.mark.slow
def test_what_the_vaes_explain_stands_beside_every_figure_of_lens(advice):
    """The mean over rounds and folds, of embeddings that they have not seen."""
    lens, shares = Recipe("lens", 2), []
    for seed in range(2):
        data = make_round(embedded(60, dim=4, strength=2.0), seed).data
        for part, vae in zip(data.values(), train_seed_vaes(data).values(), strict=True):
            held_out = part.validation_chosen, part.validation_rejected
            shares.append(diagnose(vae, *held_out)["variance_explained"])
    assert advice.explained == {lens: pytest.approx(np.mean(shares))}
    share = f"{100 * np.mean(shares):.1f} %"
    header, *rows = table(advice).splitlines()
    assert header.endswith("VAE explains")
    assert {row.split("  ")[1]: row.rpartition("  ")[2] for row in rows}["LENS 2x"] == share
    assert sum(row.endswith(f"  {share}") for row in rows) == 1
    assert f"Its VAE explains {share} of held-out variance." in about(advice, "lens")
    assert "VAE" not in about(advice, "lens_plus")
    found = as_json(advice)
    for part in (found["accuracy"], found["comparisons"]):
        has = [row.get("vae_variance_explained") for row in part]
        assert has == [advice.explained[lens] if row["method"] == "lens" else None for row in part]
    names = [text.get_text() for text in draw(advice).axes[0].get_yticklabels()]
    assert f"LENS 2x (VAE: {share})" in names
    assert not any("VAE" in name for name in names if not name.startswith("LENS 2x"))


def test_a_vae_that_explains_little_is_flagged_once():
    """Scales share it, so that they share the flag."""
    explained = {Recipe("lens", 2): 0.049, Recipe("lens", 4): 0.049}
    (flag,) = reconstruction_flags_of(explained | {Recipe("lens_converged", 2): 0.05})
    assert flag == {
        "flag": "little_reconstruction",
        "recipe": "LENS",
        "detail": "4.9 % of the held-out variance",
    }


def made_up(low):
    """An advice whose best recipe has this lower bound and whose LENS difference excludes 0."""
    accuracy = {
        Recipe("linear_probe"): Interval(0.6, low, 0.7),
        Recipe("repeat", 2): Interval(0.55, 0.5, 0.6),
        Recipe("lens", 2): Interval(0.5, 0.4, 0.6),
    }
    loss = Interval(-0.05, -0.08, -0.02)
    comparison = Comparison(Recipe("lens", 2), Recipe("repeat", 2), loss, loss)
    one = [Interval(0.6, 0.5, 0.7)]
    ahead = [Interval(0.6, 0.5, 0.7), Interval(0.65, 0.5, 0.8)]
    curve = learning_curve.Curve(
        Recipe("linear_probe"), np.array([8]), one, np.array([10, 20]), ahead
    )
    return Advice(10, 10, 8, 3, 1.0, accuracy, [comparison], Recipe("linear_probe"), curve, {})


def test_a_loss_is_called_a_loss_and_chance_is_called_chance():
    text = as_text(made_up(0.49))
    assert (
        "LENS 2x against repeat 2x (the same number of steps): -5.0 points [-8.0, -2.0], a loss."
        in text
    )
    assert "Do not augment" in text
    assert "Fewer than 100 prompts" in text
    assert "Twice the labels would bring +5.0 points" in text
    assert "linear probe is not detectably better than a coin" in text
    assert "not detectably better than a coin" not in as_text(made_up(0.51))


def test_a_power_law_is_found_again_and_bounded():
    sizes, ahead = np.array([30.0, 60, 120, 240]), np.array([300.0, 600, 1200])
    law = lambda n: 0.8 - 1.5 * n**-0.5  # noqa: E731
    np.testing.assert_allclose(
        extrapolate(sizes, law(sizes)[None], ahead)[0], law(ahead), atol=1e-9
    )
    steep = extrapolate(sizes, np.array([[0.5, 0.7, 0.9, 0.99]]), np.array([1e9]))
    assert steep[0, 0] <= 1 + 1e-12
    falling = extrapolate(sizes, np.array([[0.9, 0.8, 0.7, 0.6]]), ahead)
    np.testing.assert_allclose(falling, 0.75)  # never extrapolates a loss from more labels


def test_the_curve_averages_rounds_and_brackets_its_means():
    rng = np.random.default_rng(0)
    pairs = embedded(200)
    outcomes = (rng.random((4, 4, 200)) < np.array([0.55, 0.6, 0.65, 0.7])[:, None]).astype(float)
    sizes = np.array([20.0, 40, 80, 160])
    curve = fit_curve(pairs, Recipe("linear_probe"), sizes, outcomes)
    np.testing.assert_allclose([v.mean for v in curve.measured], outcomes.mean(axis=(0, 2)))
    np.testing.assert_array_equal(curve.sizes, sizes)
    np.testing.assert_array_equal(curve.ahead, [200, 400, 800])
    for value in [*curve.measured, *curve.predicted]:
        assert value.low < value.mean < value.high
    means = [value.mean for value in curve.predicted]
    assert means == sorted(means)
    assert means[0] > 0.68


def test_scales_begin_at_two():
    for scales in ([1], [], 2):
        with pytest.raises(LensError, match="whole numbers from 2"):
            advise(embedded(), scales=scales)
    with pytest.raises(LensError, match="at least one is needed"):
        advise(embedded(), rounds=0)
    with pytest.raises(LensError, match="needs embedded pairs"):
        advise(embedded().table)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[30] + [2] * 15, [91] + [1] * 9, [20] + [1] * 30])
def test_one_large_prompt_does_not_stop_the_advice(sizes):
    pairs = embedded(sum(sizes), strength=2.0)
    pairs.table["group"] = np.repeat([f"p{i}" for i in range(len(sizes))], sizes)
    for seed in range(3):
        sizes_trained, outcomes = learning_curve.curve_round(pairs, Recipe("linear_probe"), seed)
        assert outcomes.shape == (4, len(pairs.table))
        assert (np.diff(sizes_trained) >= 0).all()


@pytest.mark.slow
def test_the_curve_trains_on_the_shares_that_it_names(monkeypatch):
    seen = []

    def train(recipe, data):
        seen.append([len(p.rows) + len(p.validation_rows) for p in data.values()])
        return {seed: (lambda e: e[:, 0]) for seed in data}

    monkeypatch.setattr(learning_curve, "train", train)
    pairs = embedded(200, per_prompt=2)
    sizes, outcomes = learning_curve.curve_round(pairs, Recipe("linear_probe"), 0)
    np.testing.assert_array_equal(sizes, np.mean(seen, axis=1))
    np.testing.assert_allclose(sizes, [20, 40, 80, 160], rtol=0.01)
    np.testing.assert_array_equal(outcomes[0], correct((pairs.chosen - pairs.rejected)[:, 0]))


def test_the_curve_is_of_the_best_probe():
    accuracy = {Recipe("linear_probe"): 0.6, Recipe("evidence_probe"): 0.7, Recipe("original"): 0.9}
    intervals = {recipe: Interval(value, 0, 1) for recipe, value in accuracy.items()}
    assert advising._best_probe(intervals) == Recipe("evidence_probe")
    controlled = Recipe("linear_probe", covariate="length")
    assert advising._best_probe(intervals | {controlled: Interval(0.5, 0, 1)}) == controlled


def test_embeddings_that_tell_nothing_apart_are_refused():
    pairs = embedded(20)
    with pytest.raises(LensError, match="the same embeddings in every pair"):
        EmbeddedPairs(pairs.table, pairs.chosen, pairs.chosen.copy(), None, {})
    with pytest.raises(LensError, match="the same embeddings in every pair"):
        EmbeddedPairs(pairs.table, 0 * pairs.chosen, 0 * pairs.chosen, None, {})
