"""The evidence-shrunk probe: closed forms against brute force, limits, invariances, its choices."""

import numpy as np
import pytest

from lens.reward import evidence, probes
from lens.reward.evidence import (
    MARGIN_SCALES,
    SHRINKAGES,
    TEXT_SHARES,
    evidence_probe,
    noises,
)
from lens.reward.head import RewardHead
from tests.helpers.linear_world import linear_world
from tests.helpers.solutions import fit, solve


def some_differences(count=30, dim=8, signal=0.5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, dim)) * np.linspace(0.5, 2, dim)
    x[:, 0] += signal
    return x


def ridge(x, shrinkage):
    count, dim = x.shape
    scale = np.square(x).sum() / count / dim
    return np.linalg.solve(x.T @ x / count + shrinkage * scale * np.eye(dim), x.mean(axis=0))


def prior(x, exponent):
    """Covariance of w, up to its size: X'X/N to a power."""
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    return vectors * np.maximum(values, 0) ** exponent @ vectors.T


@pytest.mark.parametrize("shape", [(30, 8), (6, 20)])
def test_directions_are_the_ridge_solutions(shape):
    x = some_differences(*shape)
    found = solve(x, np.array([0.1, 3.0]), exponents=(0,))
    for direction, shrinkage in zip(found.directions, (0.1, 3.0), strict=True):
        expected = ridge(x, shrinkage)
        expected /= np.sqrt(np.square(x @ expected).mean())
        np.testing.assert_allclose(direction, expected, rtol=1e-8, atol=1e-10)


def test_margins_leave_their_own_pair_out():
    x = some_differences(count=15, dim=5)
    found = solve(x, np.array([0.5]), exponents=(0,))
    count, dim = x.shape
    penalty = 0.5 * np.square(x).sum() / count / dim * count
    full = np.linalg.solve(x.T @ x + penalty * np.eye(dim), x.sum(axis=0))
    norm = np.sqrt(np.square(x @ full).mean())
    for i in range(count):
        others = np.delete(x, i, axis=0)
        weights = np.linalg.solve(others.T @ others + penalty * np.eye(dim), others.sum(axis=0))
        assert found.margins[0, i] == pytest.approx(x[i] @ weights / norm)


def test_evidence_is_that_of_the_gaussian_model():
    """Marginal likelihood of y = 1 under N(0, v (I + X X' / (s a N))), v profiled out."""
    x, shrinkages = some_differences(count=12, dim=20), np.array([0.1, 1.0, 10.0])
    scale = np.square(x).sum() / 12 / 20
    logs = []
    for shrinkage in shrinkages:
        covariance = np.eye(12) + x @ x.T / (shrinkage * scale * 12)
        quadratic = np.ones(12) @ np.linalg.solve(covariance, np.ones(12))
        logs.append(-0.5 * np.linalg.slogdet(covariance)[1] - 6 * np.log(quadratic))
    expected = np.exp(np.array(logs) - max(logs))
    found = solve(x, shrinkages, exponents=(0,))
    np.testing.assert_allclose(found.posterior, expected / expected.sum())


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_a_prior_that_follows_the_spectrum_by_brute_force(exponent):
    """Posterior mean and evidence with w ~ N(0, v C), C = (X'X/N)^exponent."""
    x, shrinkages = some_differences(count=25, dim=6), np.array([0.2, 2.0])
    found = solve(x, shrinkages, exponents=(exponent,))
    covariance, logs = prior(x, exponent), []
    scale = np.trace(x @ covariance @ x.T) / 25 / 6
    for shrinkage, direction in zip(shrinkages, found.directions, strict=True):
        precision = x.T @ x / 25 + shrinkage * scale * np.linalg.inv(covariance)
        expected = np.linalg.solve(precision, x.mean(axis=0))
        expected /= np.sqrt(np.square(x @ expected).mean())
        np.testing.assert_allclose(direction, expected, rtol=1e-6)
        marginal = np.eye(25) + x @ covariance @ x.T / (shrinkage * scale * 25)
        quadratic = np.ones(25) @ np.linalg.solve(marginal, np.ones(25))
        logs.append(-0.5 * np.linalg.slogdet(marginal)[1] - 12.5 * np.log(quadratic))
    expected = np.exp(np.array(logs) - max(logs))
    np.testing.assert_allclose(found.posterior, expected / expected.sum(), rtol=1e-6)


def test_the_prior_that_fits_is_found():
    """Rewards along the strongest directions speak for the spectrum, along the weakest against."""
    rng = np.random.default_rng(0)
    spectrum = np.linspace(0.3, 3, 30)
    sides = rng.normal(size=(2, 600, 30)) * spectrum
    found = []
    for part in (slice(20, 30), slice(0, 10)):
        rewards = (sides[..., part] / spectrum[part]).sum(axis=2)
        wins = (rng.random(600) < 1 / (1 + np.exp(rewards[1] - rewards[0])))[:, None]
        found.append(fit(np.where(wins, sides[0] - sides[1], sides[1] - sides[0])).spectral)
    strong, weak = found
    assert strong > 0.7
    assert weak < 0.3


def test_large_shrinkage_is_the_mean_difference():
    x = some_differences()
    direction = solve(x, np.array([1e9]), exponents=(0,)).directions[0]
    mean = x.mean(axis=0)
    assert direction @ mean / np.linalg.norm(direction) / np.linalg.norm(mean) > 1 - 1e-9


def test_rotation_and_order_change_nothing():
    x, rng = some_differences(), np.random.default_rng(3)
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    plain, turned = solve(x), solve(rng.permutation(x) @ rotation)
    np.testing.assert_allclose(turned.posterior, plain.posterior, rtol=1e-6)
    np.testing.assert_allclose(turned.directions @ rotation.T, plain.directions, atol=1e-8)


def test_noise_is_shrunken_more_than_signal():
    clear = evidence_probe(linear_world(count=300, dim=20, noise=0.3)[0]).metrics["shrinkage"]
    noisy = evidence_probe(linear_world(count=300, dim=20, noise=30.0)[0]).metrics["shrinkage"]
    assert noisy > 10 * clear
    assert SHRINKAGES[0] <= clear <= noisy <= SHRINKAGES[-1]


@pytest.mark.slow
def test_it_keeps_up_with_the_better_of_the_two_other_probes():
    """Over worlds from clear to noisy; accuracy on many fresh pairs, with slack for chance."""
    for noise, count in ((0.5, 40), (2.0, 60), (6.0, 100)):
        gaps = []
        for seed in range(8):
            data, truth = linear_world(count=count, dim=40, noise=noise, seed=seed)
            fresh = np.random.default_rng(seed).normal(size=(4000, 40))
            right = np.sign(fresh @ truth)

            def accuracy(training, fresh=fresh, right=right):
                return (np.sign(fresh @ training.weights["w"]) == right).mean()

            others = [probes.mean_difference(data), probes.linear_probe(data)]
            gaps.append(accuracy(evidence_probe(data)) - max(map(accuracy, others)))
        assert np.mean(gaps) > -0.02


def test_its_length_gives_calibrated_probabilities():
    data, _ = linear_world(count=2000, dim=6, noise=1.5)
    training = evidence_probe(data)
    model = RewardHead(training.weights, data.standardiser)
    fresh, _ = linear_world(count=4000, dim=6, noise=1.5, seed=5)
    margins = model(fresh.chosen) - model(fresh.rejected)
    loss = np.logaddexp(0, -margins).mean()
    assert loss == pytest.approx(training.metrics["left_out_loss"], abs=0.03)
    for factor in (0.5, 2.0):
        assert np.logaddexp(0, -factor * margins).mean() > loss
    assert MARGIN_SCALES[0] < np.sqrt(np.square(margins).mean()) < MARGIN_SCALES[-1]


def test_its_length_is_not_that_of_the_pairs_it_was_fitted_to():
    """With as many pairs as features, margins of the fitted pairs promise too much."""
    excess = []
    for seed in range(6):
        data, _ = linear_world(count=60, validation=20, dim=60, noise=3.0, seed=seed)
        fresh, _ = linear_world(count=4000, dim=60, noise=3.0, seed=100 + seed)
        weights = evidence_probe(data).weights["w"]
        margins = (fresh.chosen - fresh.rejected) @ weights
        differences, _ = data.differences()
        lengths = MARGIN_SCALES / np.sqrt(np.square(differences @ weights).mean())
        losses = np.logaddexp(0, -lengths[:, None] * (differences @ weights)).mean(axis=1)
        in_sample = lengths[losses.argmin()]
        excess.append(
            np.logaddexp(0, -in_sample * margins).mean() - np.logaddexp(0, -margins).mean()
        )
    assert np.mean(excess) > 0.05


def test_pairs_without_error_get_a_finite_length():
    """Two clusters far apart: the more pairs, the surer, and never without bound."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 10)) * 0.1 + np.eye(10)[0] * 5
    lengths = [np.abs(fit(x[:count]).margins).mean() for count in (10, 80)]
    assert 1 < lengths[0] < lengths[1] < 10


def ranked(prompts=20, answers=4, dim=5, text_noise=1.0, seed=0):
    """All pairs of each prompt's answers by a linear reward and noise of each text's own:
    (chosen, rejected, groups, truth)."""
    rng = np.random.default_rng(seed)
    texts, truth = rng.normal(size=(prompts, answers, dim)), rng.normal(size=dim)
    scores = texts @ truth + text_noise * rng.normal(size=(prompts, answers))
    rows = [
        (prompt, *((i, j) if scores[prompt, i] > scores[prompt, j] else (j, i)))
        for prompt in range(prompts)
        for i in range(answers)
        for j in range(i)
    ]
    groups, better, worse = np.array(rows).T
    return texts[groups, better], texts[groups, worse], groups, truth


def test_pairs_without_common_texts_have_noise_of_their_own():
    rng = np.random.default_rng(0)
    (only,) = noises(rng.normal(size=(9, 3)), rng.normal(size=(9, 3)), np.arange(9) // 3)
    assert only.root is None
    assert only.share == 0


def test_pairs_that_share_a_text_share_its_noise():
    """Answers a, b, c of one prompt: a > b, a > c, b > c; the same texts under another prompt are
    others."""
    a, b, c = np.eye(3)
    chosen, rejected = np.stack([a, a, b, a]), np.stack([b, c, c, b])
    found = noises(chosen, rejected, np.array([0, 0, 0, 1]))
    assert [noise.share for noise in found] == list(TEXT_SHARES)
    root, share = found[1].root.toarray(), found[1].share
    half = share / 2
    expected = [[1, half, -half, 0], [half, 1, half, 0], [-half, half, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(root @ root.T, expected, atol=1e-12)


def test_margins_leave_their_own_prompt_out_whatever_the_noise():
    """Against the Gaussian process of all other prompts, written out."""
    chosen, rejected, groups, _ = ranked(prompts=6, answers=3)
    x, noise = chosen - rejected, noises(chosen, rejected, groups)[1]
    found = solve(x, np.array([0.5]), exponents=(0,), groups=groups, noise=noise)
    root = noise.root.toarray()
    covariance = root @ root.T
    whitened = np.linalg.solve(root, x)
    scale = 0.5 * np.square(whitened).sum() / x.shape[1]

    def weights(rows):
        own = x[rows]
        return own.T @ np.linalg.solve(
            own @ own.T + scale * covariance[np.ix_(rows, rows)], np.ones(len(own))
        )

    norm = np.sqrt(np.square(x @ weights(np.arange(len(x)))).mean())
    for row, group in enumerate(groups):
        expected = x[row] @ weights(np.flatnonzero(groups != group)) / norm
        assert found.margins[0, row] == pytest.approx(expected)


def test_the_evidence_of_noises_is_that_of_the_gaussian_model():
    chosen, rejected, groups, _ = ranked(prompts=5, answers=3)
    x, found, expected = chosen - rejected, [], []
    for noise in noises(chosen, rejected, groups):
        root = np.eye(len(x)) if noise.root is None else noise.root.toarray()
        whitened = np.linalg.solve(root, x)
        scale = 0.7 * np.square(whitened).sum() / x.shape[1]
        covariance = root @ root.T + x @ x.T / scale
        quadratic = np.ones(len(x)) @ np.linalg.solve(covariance, np.ones(len(x)))
        logs = -0.5 * np.linalg.slogdet(covariance)[1] - len(x) / 2 * np.log(quadratic)
        expected.append(logs)
        found += solve(x, np.array([0.7]), exponents=(0,), noise=noise).evidence.tolist()
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-6)


def test_noise_of_texts_is_found_where_there_is_any():
    shares = {}
    for noise in (0.0, 3.0):
        chosen, rejected, groups, _ = ranked(prompts=40, dim=8, text_noise=noise)
        shares[noise] = evidence.fit(chosen, rejected, groups).text_noise
    assert shares[3.0] > 0.4


@pytest.mark.slow
def test_pairs_that_share_texts_are_shrunken_more_and_predict_as_well():
    """On embeddings that vary alike in all directions; those of language models gain (study)."""
    gains, ratios = [], []
    for seed in range(8):
        chosen, rejected, groups, truth = ranked(40, 5, 60, text_noise=6.0, seed=seed)
        fresh = np.random.default_rng(100 + seed).normal(size=(4000, 60))
        right = np.sign(fresh @ truth)
        found = evidence.fit(chosen, rejected, groups)
        blind = evidence.fit(chosen, rejected, np.arange(len(groups)))
        gains.append(
            (np.sign(fresh @ found.weights) == right).mean()
            - (np.sign(fresh @ blind.weights) == right).mean()
        )
        ratios.append(found.shrinkage / blind.shrinkage)
    assert np.mean(gains) > -0.01
    assert np.median(ratios) > 1.5


def test_noise_turns_forth_and_back():
    chosen, rejected, groups, _ = ranked(prompts=3, answers=3)
    noise, values = noises(chosen, rejected, groups)[2], chosen - rejected
    root = noise.root.toarray()
    np.testing.assert_allclose(noise.whiten(values), np.linalg.solve(root, values))
    np.testing.assert_allclose(noise.colour(noise.whiten(values)), values)
    np.testing.assert_allclose(noise.colour_transposed(root.T @ values), values)
    assert noise.log_size == pytest.approx(0.5 * np.linalg.slogdet(root @ root.T)[1])
