"""Theorem 2's formulas: the paper's own numbers, brute force, and both readings of the bound."""

import math

import numpy as np
import pytest

from lens.core.errors import LensError
from lens.report.reported import reported
from lens.theory.bounds import (
    Constants,
    helped_words,
    noise_radius,
    scale_words,
    sentences,
    size_words,
    threshold,
)

PAPER = Constants(C1=0.24, p=0.26, B0=5.63, dim=4096, delta=0.05)


def test_the_paper_s_threshold_ratio_and_noise_radius():
    paper = reported()["theory"]
    assert PAPER.threshold == pytest.approx(paper["N0"], abs=0.05)
    assert PAPER.rho == pytest.approx(0.366, abs=0.0005)
    assert PAPER.limit_ratio(1000) == pytest.approx(1.92, abs=0.005)
    assert noise_radius(0.01, 16, 0.05) == pytest.approx(0.644, abs=0.0005)


def test_the_corrected_bound_promises_nothing_at_the_paper_s_own_size():
    assert PAPER.helped_sizes() == (0, pytest.approx(65.59, abs=0.05))
    assert PAPER.smallest_scale(1000) is None
    assert PAPER.smallest_scale(65) is not None
    assert PAPER.smallest_scale(66) is None


def test_ratio_is_the_ratio_of_the_two_bounds():
    for n_pairs, scale in ((10, 2), (1000, 4), (77, 64)):
        bounds = PAPER.error(n_pairs, scale) / PAPER.error(n_pairs)
        assert PAPER.ratio(n_pairs, scale) == pytest.approx(bounds, rel=1e-12)
    assert PAPER.ratio(123, 1) == 1
    assert PAPER.ratio(123, 1e12) == pytest.approx(PAPER.limit_ratio(123), rel=1e-5)


def test_error_by_hand():
    one = Constants(C1=2.0, p=0.5, B0=3.0, dim=8, delta=math.exp(-1))  # C2 = 9
    assert one.error(4) == pytest.approx(2 * math.sqrt(9 / 4))
    assert one.error(4, 9) == pytest.approx(2 * math.sqrt(9 / 36) + 8 / 9 * 3 * 4**-0.5)


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.1, 0.26, 0.45, 0.5, 0.7])
@pytest.mark.parametrize("B0", [0.0, 0.4, 5.63, 30.0])
def test_smallest_scale_and_helped_sizes_agree_with_brute_force(p, B0):  # noqa: N803
    constants = Constants(C1=0.24, p=p, B0=B0, dim=64, delta=0.05)
    for n_pairs in (2, 10, 40, 100, 1000, 50_000):
        ks = np.arange(2, 3000)
        helping = ks[[constants.ratio(n_pairs, k) < 1 for k in ks]]
        smallest = constants.smallest_scale(n_pairs)
        if len(helping):
            assert smallest == helping[0]
            assert constants.ratio(n_pairs, smallest * 10) < 1  # and all larger k help too
        else:
            assert smallest is None or smallest >= 3000
        sizes = constants.helped_sizes()
        inside = sizes is not None and sizes[0] < n_pairs < sizes[1]
        assert inside == (smallest is not None)


@pytest.mark.parametrize("p", [0.4999, 0.4995, 0.501, 0.5001])
@pytest.mark.parametrize("B0", [0.4, 5.63])  # rho below and above 1
def test_near_one_half_the_boundary_has_no_number(p, B0):  # noqa: N803
    constants = Constants(C1=0.19, p=p, B0=B0, dim=64, delta=0.05)
    for n_pairs in (10, 1000):
        sizes = constants.helped_sizes()
        inside = sizes is not None and sizes[0] < n_pairs < sizes[1]
        assert inside == (constants.smallest_scale(n_pairs) is not None)
    assert sentences(constants, [1000], [4])


def test_without_synthesis_bias_every_scale_helps():
    free = Constants(C1=0.24, p=0.26, B0=0.0, dim=64, delta=0.05)
    assert free.smallest_scale(10**6) == 2
    assert free.helped_sizes() == (0, math.inf)
    assert free.threshold is None


def test_threshold_is_not_defined_from_one_half_on():
    assert Constants(C1=0.24, p=0.5, B0=5.63, dim=64, delta=0.05).threshold is None
    steep = Constants(C1=0.24, p=0.7, B0=5.63, dim=64, delta=0.05)
    assert steep.threshold is None
    assert steep.helped_sizes()[1] == math.inf  # a lower limit, there


def test_noise_radius_covers_both_noises_of_a_pair():
    rng = np.random.default_rng(0)
    lengths = np.linalg.norm(0.1 * rng.normal(size=(20_000, 2, 16)), axis=2).max(axis=1)
    assert (lengths <= noise_radius(0.01, 16, 0.05)).mean() >= 0.95
    assert noise_radius(0.04, 16, 0.05) == pytest.approx(2 * noise_radius(0.01, 16, 0.05))


@pytest.mark.parametrize(
    "change",
    [
        {"C1": 0.0},
        {"C1": math.inf},
        {"dim": 0},
        {"delta": 0.0},
        {"delta": 1.0},
        {"B0": -1.0},
        {"B0": math.inf},
        {"p": math.nan},
    ],
)
def test_constants_that_say_nothing_are_refused(change):
    with pytest.raises(LensError, match="theory:"):
        Constants(**{"C1": 0.24, "p": 0.26, "B0": 5.63, "dim": 64, "delta": 0.05, **change})


def test_the_smallest_world_is_allowed():
    one = Constants(C1=2.0, p=0.5, B0=0.0, dim=1, delta=math.exp(-3))  # C2 = 4
    assert one.error(16) == pytest.approx(2 * math.sqrt(4 / 16))


@pytest.mark.parametrize("p", [-0.2, 0.1, 0.45])
@pytest.mark.parametrize("b0", [0.02, 0.7, 40.0])
def test_at_the_threshold_the_ratio_tends_to_one(p, b0):
    constants = Constants(C1=0.24, p=p, B0=b0, dim=64, delta=0.05)
    assert constants.limit_ratio(constants.threshold) == pytest.approx(1, rel=1e-9)
    low, high = constants.helped_sizes()
    assert (low, high) == (0, pytest.approx(constants.threshold, rel=1e-9))


@pytest.mark.parametrize(
    ("c1", "p", "b0"),
    [(0.0, 0.2, 1.0), (-1.0, 0.2, 1.0), (1.0, 0.2, 0.0), (1.0, 0.2, -1.0), (1.0, 0.5, 1.0)],
)
def test_no_threshold_without_both_constants(c1, p, b0):
    assert threshold(c1, p, b0, 9.0) is None


def test_where_both_errors_fall_alike_the_constants_alone_decide():
    """p = 1/2: the ratio tends to rho whatever N is, and a rho of 1 promises nothing."""
    even = {"C1": 2.0, "p": 0.5, "dim": 8, "delta": math.exp(-1)}  # C1 sqrt(C2) = 6
    assert Constants(B0=6.0, **even).smallest_scale(100) is None
    assert Constants(B0=6.0, **even).helped_sizes() is None
    assert Constants(B0=3.0, **even).helped_sizes() == (0, math.inf)
    assert Constants(B0=3.0, **even).smallest_scale(100) == 2  # sqrt(k) > c / (1 - c) = 1


def test_a_boundary_too_small_or_large_for_a_number_leaves_no_sizes():
    for p in (0.4999, 0.5001):  # rho is above 1: no N is small enough, or none is large enough
        assert Constants(C1=0.19, p=p, B0=5.63, dim=64, delta=0.05).helped_sizes() is None


@pytest.mark.parametrize(
    ("p", "b0", "words"),
    [
        (0.26, 0.0, "the bound promises a gain for every N"),
        (0.5, 3.0, "the bound promises a gain for every N"),
        (0.5, 6.0, "the bound promises no gain for any N"),
        (0.0, 0.5, "the bound promises a gain only for N < 144.00"),  # (1 / rho)^2, rho = 1 / 12
        (1.0, 60.0, "the bound promises a gain only for N > 100.00"),  # rho = 10
    ],
)
def test_where_a_gain_is_promised_in_words(p, b0, words):
    constants = Constants(C1=2.0, p=p, B0=b0, dim=8, delta=math.exp(-1))
    assert helped_words(constants) == words
    assert sentences(constants)[-1] == f"Corrected (Eq. 37 reverses the inequality): {words}."


def test_the_smallest_scale_in_words():
    assert scale_words(PAPER, 1000) == "no k has a predicted ratio below 1"
    free = Constants(C1=0.24, p=0.26, B0=0.0, dim=64, delta=0.05)
    assert scale_words(free, 1000) == "the smallest k with a predicted ratio below 1 is 2"


def test_sentences_say_where_the_paper_s_threshold_is_not_defined():
    free = Constants(C1=0.24, p=0.26, B0=0.0, dim=64, delta=0.05)
    assert "N0 is not defined: it needs p < 1/2 and B0 > 0." in sentences(free)


def test_sentences_give_both_readings():
    text = "\n".join(sentences(PAPER, [1000], [4]))
    assert "N0 = 65.59" in text
    assert "some k helps for every N above it" in text
    assert "promises a gain only for N < 65.59" in text
    assert "tends to 1.923" in text
    assert "no k has a predicted ratio below 1" in text


def test_command_answers_from_the_paper_s_constants(lens, capsys):
    lens("theory", "--n-pairs", 1000, "--noise-variance", 0.01)
    told = capsys.readouterr().out
    assert "N0 = 65.59" in told
    assert "1.923" in told
    assert "t_delta = 0.6443" in told


def test_command_takes_single_constants(lens, capsys):
    lens("theory", "--b0", 0.5, "--dim", 64, "--c1", 0.2, "--p", 0.3, "--n-pairs", 100)
    assert "smallest k with a predicted ratio below 1 is" in capsys.readouterr().out


def test_command_answers_for_several_sizes_and_scales(lens, capsys):
    lens("theory", "--n-pairs", 10, 1000, "--scale", 2, 4)
    told = capsys.readouterr().out
    for n_pairs in (10, 1000):
        for scale in (2, 4):
            ratio = PAPER.ratio(n_pairs, scale)
            assert f"At N = {n_pairs}, k = {scale} the predicted ratio" in told
            assert f"is {ratio:.3f}" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scale", "4"], "--n-pairs too"),
        (["--scale", "0.5", "--n-pairs", "10"], "--scale takes numbers of 1 or more"),
        (["--n-pairs", "nan"], "--n-pairs takes numbers of 1 or more"),
        (["--n-pairs", "10", "--scale", "inf"], "--scale takes numbers"),
        (["--c1", "-1"], "C1 = -1 is not positive"),
        (["--b0", "-1"], "B0 = -1 is negative"),
        (["--p", "nan"], "p a number"),
        (["--noise-variance", "-1"], "--noise-variance must be 0 or more"),
        (["--latent", "0"], "--latent 1 or more"),
        (["--constants", "nowhere.json"], "no such file"),
    ],
)
def test_command_names_what_is_missing_or_wrong(fail, arguments, words):
    assert words in fail("theory", *arguments)


def test_command_refuses_other_files(fail, tmp_path):
    for number, text in enumerate(("a: 1", "{}", "[1]")):
        (tmp_path / f"{number}.json").write_text(text)
        told = fail("theory", "--constants", tmp_path / f"{number}.json")
        assert "not a constants.json of fit-theory" in told


def test_sizes_are_printed_with_the_digits_they_deserve():
    assert size_words(65.59034) == "65.59"
    assert size_words(9_999.5) == "9,999.50"
    assert size_words(10_000) == "10,000"
    assert size_words(1e7) == "1.00e+07"
    assert size_words(54_784.4) == "54,784"
    assert size_words(7.2148e13) == "7.21e+13"
