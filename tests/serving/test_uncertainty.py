"""Standard errors and distances to the training texts: coverage, closed forms, files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from error_coverage import coverage, fitted_coverage

from lens.advice.fit import fit
from lens.core.errors import LensError
from lens.reward.recipes import Recipe
from lens.reward.training_set import Standardiser
from lens.serving import posterior as module
from lens.serving.posterior import FoldErrors, jackknife, posterior
from lens.serving.propagation import Sites, propagate
from lens.serving.reward_model import RewardModel
from lens.serving.scoring import pick_embedded
from lens.serving.unlike import FLAGGED, Spread, Unlike
from tests.helpers.embedded_pairs import embedded
from tests.helpers.length_world import by_length


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "dim", "shared"),
    [(100, 10, False), (300, 40, False), (300, 40, True), (150, 384, False), (150, 384, True)],
)
def test_twice_the_error_covers_the_truth_in_a_linear_world(count, dim, shared):
    """Of a reward minus the mean training text's, and of a margin; pairs that share texts too, and
    more features than pairs."""
    covered = [coverage(count, dim, seed, shared=shared) for seed in range(12)]
    means = np.mean(covered, axis=0)
    assert (means > 0.9).all(), means
    assert (means < 0.99).all(), means


@pytest.mark.slow
def test_networks_of_few_pairs_have_small_rewards_and_errors_that_are_too_small():
    """As docs/howto.md warns; the evidence probe's errors hold on the same pairs."""
    covered, spread = np.mean([fitted_coverage(100, 8, n, "original") for n in range(3)], axis=0)
    assert covered < 0.8
    assert spread < 0.5
    covered, _ = np.mean([fitted_coverage(100, 8, n, "evidence_probe") for n in range(3)], axis=0)
    assert covered > 0.85


def test_a_reward_that_is_stated_off_the_posterior_has_a_larger_error(monkeypatch):
    """One feature, one prior: the squared distance to the posterior's mean is added."""
    monkeypatch.setattr(module, "MARGINS", np.array([2.0]))
    x = np.array([[1.0], [2.0], [-0.5], [1.5]])
    found, _ = propagate(x, np.square(x).mean() / 4, np.ones(4), Sites.start(np.ones(4)))
    plain = Standardiser(np.zeros(1, np.float32), np.ones(1, np.float32))
    for off in (0, 0.7):
        errors = posterior(x, plain, found.mean + off).errors(np.array([[3.0], [0.0]]))
        expected = np.sqrt(9 * (found.covariance[0, 0] + off**2))
        np.testing.assert_allclose(errors, [expected, 0], rtol=1e-4)


def test_directions_without_pairs_have_the_priors_error_and_more_pairs_less(monkeypatch):
    monkeypatch.setattr(module, "MARGINS", np.array([2.0]))
    rng = np.random.default_rng(0)
    x = np.zeros((40, 3))
    x[:, 0] = rng.normal(size=40)
    plain = Standardiser(np.zeros(3, np.float32), np.ones(3, np.float32))
    found = posterior(x, plain, np.zeros(3))
    prior = 2 / np.sqrt(np.square(x).sum(axis=1).mean())
    np.testing.assert_allclose(found.errors(np.eye(3)[1:]), prior, rtol=1e-5)
    stated = np.array([0.0, 0, 0])
    more = posterior(np.concatenate([x, -x] * 3), plain, stated)  # no preference, and more pairs
    assert more.errors(np.eye(3))[0] < found.errors(np.eye(3))[0]


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(1).normal(size=50)
    left_out = (values.sum() - values) / 49
    assert jackknife(left_out) == pytest.approx(values.std(ddof=1) / np.sqrt(50))


@pytest.mark.slow
def test_held_out_texts_are_flagged_at_the_stated_rate_and_others_far_more_often():
    rng = np.random.default_rng(2)
    spread = np.linspace(2, 0.1, 60)
    chosen, rejected, others = rng.normal(size=(3, 1500, 60)) * spread
    found = Unlike.fit(chosen[:400], rejected[:400], np.arange(400) % 5)
    assert (found.farther_out(others) < FLAGGED).mean() == pytest.approx(FLAGGED, abs=0.03)
    moved = others + spread[::-1]
    assert (found.farther_out(moved) < FLAGGED).mean() > 0.9
    shares = found.farther_out(others)
    np.testing.assert_allclose(np.quantile(shares, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.06)


def test_the_distance_is_mahalanobis_where_every_axis_is_kept():
    x = np.random.default_rng(3).normal(size=(5000, 2)) @ np.array([[3.0, 1.0], [0.0, 0.5]])
    standardiser = Standardiser.fit(x)
    z = standardiser(x)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", z, np.linalg.inv(z.T @ z / len(z)), z))
    np.testing.assert_allclose(Spread.fit(x).distances(x), expected, rtol=1e-3)


@pytest.fixture(scope="module", params=["evidence_probe", "original"])
def fitted(request):
    about = {"pairs": 120, "prompts": 120, "rows": 120, "source": "test", "dropped": {}}
    pairs = replace(embedded(count=120), report=about | {"form": {"form": "pair", "ties": 0}})
    return fit(pairs, request.param), request.param


@pytest.mark.slow
def test_a_model_states_its_errors_and_keeps_them(fitted, tmp_path):
    model, recipe = fitted
    x = np.random.default_rng(4).normal(size=(30, 6)).astype(np.float32)
    rewards, errors = model.score_embeddings(x, uncertainty=True)
    np.testing.assert_array_equal(rewards, model.score_embeddings(x))
    assert errors.shape == (30,)
    assert (errors > 0).all()
    assert isinstance(model.errors, FoldErrors) == (recipe == "original")
    model.save(tmp_path / "model")
    loaded = RewardModel.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.score_embeddings(x, uncertainty=True)[1], errors, rtol=1e-6)
    np.testing.assert_allclose(loaded.farther_out(x), model.farther_out(x))
    margins = model.errors.margin_errors(x[:10], x[10:20])
    np.testing.assert_allclose(loaded.errors.margin_errors(x[:10], x[10:20]), margins, rtol=1e-6)
    assert model.errors.margin_errors(x, x) == pytest.approx(0, abs=1e-6)
    assert np.median(model.farther_out(10 * x)) < np.median(model.farther_out(x))


@pytest.mark.slow
def test_pessimism_picks_by_the_lower_bound(fitted):
    model, _ = fitted
    pools = np.random.default_rng(5).normal(size=(40, 8, 6)).astype(np.float32)
    rewards, errors = model.score_embeddings(pools, uncertainty=True)
    for pessimism in (0.0, 1.0, 3.0):
        picked = pick_embedded(model, pools, pessimism=pessimism)
        assert [p["best"] for p in picked] == (rewards - pessimism * errors).argmax(1).tolist()
    assert "standard_errors" not in pick_embedded(model, pools)[0]
    plain = [p["best"] for p in pick_embedded(model, pools)]
    assert [p["best"] for p in picked] != plain


@pytest.mark.slow
def test_a_model_of_an_earlier_version_says_that_it_has_no_errors(fitted):
    model, _ = fitted
    old = RewardModel(model.head, None, model.card)
    x = np.zeros((1, 6), np.float32)
    assert old.score_embeddings(x).shape == (1,)
    with pytest.raises(LensError, match="without standard errors"):
        old.score_embeddings(x, uncertainty=True)
    with pytest.raises(LensError, match="Fit it again"):
        old.farther_out(x)


@pytest.mark.slow
def test_score_adds_errors_and_a_flag_to_rows(model, saved, lens, tmp_path, capsys):
    rows = [
        {"prompt": "w1 w2", "response": "w3"},
        {"prompt": "w1 w2", "chosen": "w3", "rejected": "w4 w5"},
    ]
    for number, row in enumerate(rows):
        (tmp_path / f"{number}.jsonl").write_text(json.dumps(row) + "\n")
        lens("score", saved, tmp_path / f"{number}.jsonl", "--uncertainty", "--device", "cpu")
    alone, pair = map(json.loads, capsys.readouterr().out.splitlines())
    rewards, errors = model.score(["w1 w2"] * 2, ["w3", "w4 w5"], uncertainty=True)
    assert alone["reward"] == pytest.approx(float(rewards[0]), abs=1e-4)
    assert alone["standard_error"] == pytest.approx(float(errors[0]), rel=1e-3)
    first, second = model.embed(["w1 w2"] * 2, ["w3", "w4 w5"])
    expected = float(model.errors.margin_errors(first, second))
    assert pair["standard_error"] == pytest.approx(expected, rel=1e-3)
    assert isinstance(pair["unlike_training"], bool)


@pytest.mark.slow
def test_a_trainer_may_ask_for_the_lower_bound(model):
    prompts, texts = ["w1 w2"] * 2, ["w3", "w4 w5"]
    rewards, errors = model.score(prompts, texts, uncertainty=True)
    careful = model.pessimistic(1.5)
    np.testing.assert_allclose(careful(prompts, texts), rewards - 1.5 * errors, atol=1e-5)
    np.testing.assert_allclose(model(prompts, texts), rewards, atol=1e-5)


@pytest.mark.parametrize("text", ["nan", "inf", "much"])
def test_pessimism_is_a_finite_number(text, lens, capsys):
    with pytest.raises(SystemExit):
        lens("best-of", "reward", "pool.jsonl", "--pessimism", text)
    assert f"'{text}' is not a finite number" in capsys.readouterr().err


@pytest.mark.slow
def test_errors_cover_a_reward_that_leaves_length_out():
    """Labels go by 1.5 times feature 0 and by length. Between answers of unknown length that is a
    log-odds of 1.5 times feature 0, less by the root of 1 + pi/8 of the variance of what length
    does (the usual approximation); the mean training text's is taken off."""
    rng, covered = np.random.default_rng(6), []
    for seed in range(3):
        pairs = by_length(count=300, seed=seed, longer=1.0)
        model = fit(pairs, Recipe("evidence_probe", covariate="length"))
        variance = np.square(np.subtract(*pairs.lengths.T)).mean()
        slope = 1.5 / np.sqrt(1 + np.pi / 8 * variance)
        mean = np.concatenate([pairs.chosen, pairs.rejected]).mean(axis=0)
        others = mean + rng.normal(size=(500, 4)).astype(np.float32)
        rewards, errors = model.score_embeddings(others, uncertainty=True)
        off = rewards - model.score_embeddings(mean) - slope * (others - mean)[:, 0]
        covered.append((np.abs(off) < 2 * errors).mean())
    assert np.mean(covered) > 0.85, covered
