"""Constants recovered from simulated points: exactly without noise, within intervals with it."""

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.paper import theory as paper_theory
from lens.theory import fit as theory_fit
from lens.theory import predictions
from tests.helpers.theory_points import FACTOR, SIZES, TRUTH, simulated

NONE = pd.DataFrame({"lens_low": [], "lens_high": []})


def fit(points, decay, replicates=200, **options):
    return theory_fit.fit(points, decay, dim=64, delta=0.05, replicates=replicates, **options)


def test_without_noise_the_constants_come_back():
    found, drawn = fit(*simulated())
    expected = {"C1": 0.24, "p": 0.3, "A": FACTOR, "B0": 1.0, "N0": TRUTH.threshold}
    for name, value in expected.items():
        assert found[name]["estimate"] == pytest.approx(value, rel=1e-6)
        assert found[name]["low"] == pytest.approx(value, rel=1e-6)
        assert drawn[name].std() == pytest.approx(0, abs=1e-6 * value)
    assert found["flags"] == []
    assert all(value == pytest.approx(1) for value in found["r_squared"].values())


def test_order_of_rows_does_not_matter():
    points, decay = simulated(noise=0.1)
    shuffled = points.sample(frac=1, random_state=1), decay.sample(frac=1, random_state=2)
    assert fit(*shuffled)[0] == fit(points, decay)[0]


def test_intervals_are_the_percentiles_of_the_replicates():
    found, drawn = fit(*simulated(noise=0.1), replicates=4000)
    for name in ("C1", "p", "A", "B0"):
        below = (drawn[name] < found[name]["low"]).mean()
        above = (drawn[name] > found[name]["high"]).mean()
        assert (below, above) == (pytest.approx(0.025, abs=0.002), pytest.approx(0.025, abs=0.002))


@pytest.mark.slow
@pytest.mark.parametrize(("together", "least"), [(0.0, 0.90), (0.3, 0.85)])
def test_intervals_cover_the_truth(together, least):
    expected = {"C1": 0.24, "p": 0.3, "A": FACTOR, "B0": 1.0, "N0": TRUTH.threshold}
    covered = dict.fromkeys(expected, 0)
    for seed in range(200):
        found, _ = fit(*simulated(noise=0.1, seed=seed, together=together), seed=seed)
        for name, value in expected.items():
            low, high = found[name]["low"], found[name]["high"]
            covered[name] += low <= value and (high is None or value <= high)
    assert all(count / 200 >= least for count in covered.values()), covered


def test_intervals_are_no_wider_than_the_noise_asks():
    found, _ = fit(*simulated(noise=0.01))
    assert found["C1"]["high"] - found["C1"]["low"] < 0.03 * 0.24


def test_more_noise_gives_wider_intervals():
    widths = [
        found["p"]["high"] - found["p"]["low"]
        for found in (fit(*simulated(noise=noise))[0] for noise in (0.02, 0.2))
    ]
    assert widths[1] > 4 * widths[0]


def noisy(decay, p, noise):
    errors = np.random.default_rng(0).normal(size=len(decay))
    return decay["n_pairs"] ** -p * np.exp(noise * errors)


def alternating(points):
    """Errors whose sign differs from run to run: their mean is about 0."""
    return np.where(points["seed"] % 2 == 0, 0.01, -0.021)


def with_bias(points, bias):
    """Errors of lens that have this bias beyond their statistical term."""
    statistical = [TRUTH.error(2 * n_pairs) for n_pairs in points["n_pairs"]]
    return points["error"].where(points["method"] != "lens", statistical + bias)


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda p, d: p.assign(error=p["error"] - 0.1), "estimation_error_negative"),
        (lambda p, d: p.assign(error=p["error"].where(p["method"] != "lens", 0)), "bias_negative"),
        (
            lambda p, d: p.assign(error=p["error"].where(p["method"] != "lens", 0)),
            "B0_not_positive",
        ),
        (lambda p, d: d.assign(mean_square=5.0), "p_not_distinguishable_from_0"),
        (lambda p, d: d.assign(mean_square=d["n_pairs"] ** -0.8), "p_not_below_half"),
        (lambda p, d: p.assign(error=p["n_pairs"] * 1e-3), "estimation_error_fit_poor"),
        (lambda p, d: p[p["seed"] < 2], "runs_few"),
        (lambda p, d: d.assign(mean_square=d["n_pairs"] ** 0.3), "p_not_positive"),
        (lambda p, d: d.assign(mean_square=noisy(d, 0.45, 0.5)), "p_may_not_be_below_half"),
        (lambda p, d: p.assign(error=-p["error"]), "C1_not_positive"),
        (lambda p, d: p.assign(error=alternating(p)), "C1_not_distinguishable_from_0"),
        (lambda p, d: p.assign(error=alternating(p)), "replicates_without_C1"),
        (
            lambda p, d: p.assign(error=with_bias(p, alternating(p))),
            "B0_not_distinguishable_from_0",
        ),
        (lambda p, d: p.assign(error=with_bias(p, p["n_pairs"] * 1e-3)), "bias_fit_poor"),
    ],
)
def test_degenerate_points_raise_their_flag(change, flag):
    points, decay = simulated(noise=0.05)
    changed = change(points, decay)
    if "mean_square" in changed:
        decay = changed
    else:
        points = changed
        decay = decay[decay["seed"].isin(points["seed"])]
    found, _ = fit(points, decay)
    assert any(one.startswith(flag) for one in found["flags"])
    assert set(found["flag_meanings"]) == set(found["flags"]) == set(found["N0"]["flags"])
    usual = fit(*simulated(noise=0.05))[0]["flags"]
    assert not any(one.startswith(flag) for one in usual)


def test_a_threshold_too_large_for_a_number_is_said():
    points, decay = simulated()
    points = points.assign(error=with_bias(points, 0.01 * points["n_pairs"] ** -0.5))
    found, _ = fit(points, decay.assign(mean_square=noisy(decay, 0.4999, 0)))
    assert "N0_beyond_every_number" in found["flags"]
    assert found["N0"]["estimate"] is None
    assert paper_theory.summary([{**found, "dataset": "d", "model": "m", "predictions": NONE}]) == [
        "d, m: p is so near 1/2 that N0 has no number. Corrected: the bound promises a gain for "
        "every N. Measured: of 0 settings (N, k) with errors clearly above 0, LENS lowers the "
        "estimation error in 0 and raises it in 0; in the others the interval of the ratio holds 1."
    ]


def test_threshold_is_left_out_where_it_is_not_defined():
    points, decay = simulated()
    found, _ = fit(points, decay.assign(mean_square=decay["n_pairs"] ** -0.8))
    assert found["N0"]["estimate"] is None
    assert found["N0"]["high"] is None


def test_missing_runs_and_sizes_are_named():
    points, decay = simulated()
    with pytest.raises(LensError, match="same seeds"):
        fit(points.drop(index=0), decay)
    lens = points["method"] == "lens"
    with pytest.raises(LensError, match="They must be the same"):
        fit(points[~lens | (points["n_pairs"] > 100)], decay)
    moved = points.assign(n_pairs=points["n_pairs"].where(~lens, points["n_pairs"] + 1))
    with pytest.raises(LensError, match="They must be the same"):
        fit(moved, decay)


def test_points_of_fits_lie_on_their_lines():
    points, decay = simulated()
    found, _ = fit(points, decay)
    tables = theory_fit.points_of_fits(points, decay, found)
    for name in ("C1", "B0"):
        np.testing.assert_allclose(tables[name]["observed"], tables[name]["fitted"], rtol=1e-6)
        np.testing.assert_allclose(
            tables[name]["fitted"], found[name]["estimate"] * tables[name]["x"], rtol=1e-6
        )
    fitted = tables["p"].dropna()
    assert set(fitted["budget"]) == {"epochs"}
    np.testing.assert_allclose(fitted["observed"], fitted["fitted"], rtol=1e-6)


def test_predictions_stand_beside_what_was_measured():
    points, decay = simulated()
    found, drawn = fit(points, decay)
    table = predictions.compare(points, found, drawn)
    assert list(table["n_pairs"]) == list(SIZES)
    for _, row in table.iterrows():
        expected = TRUTH.ratio(row["n_pairs"], 2)
        assert row["predicted"] == pytest.approx(expected, rel=1e-6)
        assert row["lens"] == pytest.approx(expected, rel=1e-6)
        assert row["repeat"] == pytest.approx(1)
        assert row["overlap"] == 1
        assert row["fitted"]


def test_a_measured_ratio_outside_the_prediction_is_said():
    points, decay = simulated(noise=0.01)
    found, drawn = fit(points, decay)
    wrong = points.assign(
        error=points["error"].where(points["method"] != "lens", points["error"] * 2)
    )
    assert (predictions.compare(wrong, found, drawn)["overlap"] == 0).all()
    low = points.assign(
        error=points["error"].where(points["method"] != "lens", points["error"] / 2)
    )
    assert (predictions.compare(low, found, drawn)["overlap"] == 0).all()


@pytest.mark.parametrize(
    "change", [{"error": lambda p: p["error"] - 0.09}, {"standard_error": lambda p: 0.06}]
)
def test_no_ratio_is_given_where_the_error_is_not_told_from_0(change):
    """By the runs (mean shifted to about 0 at the largest sizes) or by the test pairs."""
    points, decay = simulated(noise=0.05)
    found, drawn = fit(points, decay)
    table = predictions.compare(points.assign(**change), found, drawn).set_index("n_pairs")
    assert table.loc[2000, ["lens", "lens_low", "repeat", "overlap"]].isna().all()
    assert table.loc[100, ["lens", "lens_low", "repeat", "overlap"]].notna().all()


def test_replicates_without_a_positive_c1_are_left_out_of_predictions():
    drawn = pd.DataFrame({"C1": [0.2, -0.2, 0.0], "p": [0.3] * 3, "B0": [1.0] * 3})
    assert len(predictions.limit_ratios(drawn, 100, 67.0)) == 1


def test_ratio_of_means_covers_the_truth():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(400):
        base = 2 + 0.2 * rng.normal(size=3)
        _, low, high = predictions.ratio_of_means(0.5 * base + 0.05 * rng.normal(size=3), base)
        covered += low <= 0.5 <= high
    assert 0.9 <= covered / 400 <= 0.99


def test_corrected_statement_at_each_size():
    points, decay = simulated(noise=0.02)
    found, drawn = fit(points, decay)
    rows = predictions.corrected(found, drawn, [10, 10**9])
    assert [row["smallest_scale"] is None for row in rows] == [False, True]
    assert rows[0]["share_of_replicates_with_a_gain"] == 1
    assert rows[1]["share_of_replicates_with_a_gain"] == 0
    assert rows[0]["low"] < TRUTH.limit_ratio(10) < rows[0]["high"]
    sizes = predictions.helped_range(found)
    assert sizes == {"low": 0, "high": pytest.approx(found["N0"]["estimate"])}


def test_other_readings_have_their_own_exponent():
    points, decay = simulated()
    found, _ = fit(points, decay)
    readings = predictions.readings(points, decay, found, replicates=50, seed=0)
    exponents = {name: readings[name]["p"]["estimate"] for name in predictions.READINGS}
    assert exponents == pytest.approx(
        {"mean_square": 0.3, "mean_norm": 0.15, "largest": 0.075, "equal_steps": 0.0}, abs=1e-9
    )
    assert readings["mean_square"]["B0"]["estimate"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda points: -points["error"],
        lambda points: points["error"].where(points["method"] != "lens", 0),
    ],
)
def test_nothing_is_predicted_without_a_positive_c1_or_from_a_negative_b0(change):
    points, decay = simulated()
    found, drawn = fit(points.assign(error=change(points)), decay)
    assert predictions.usable_constants(found) is None
    assert predictions.corrected(found, drawn, [100]) == []
    assert predictions.helped_range(found) is None
    table = predictions.compare(points, found, drawn)
    assert table[["predicted", "predicted_low", "overlap"]].isna().all(axis=None)
