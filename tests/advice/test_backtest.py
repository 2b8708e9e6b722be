"""Does choosing pay? Planted worlds in which it does, and in which it cannot matter."""

import numpy as np
import pytest

from lens.advice import backtest as tried
from lens.advice.backtest import Backtest, backtest
from lens.core.intervals import Interval
from tests.helpers.embedded_pairs import embedded, of_sides


def dull_and_telling(count=300, dim=20, seed=0):
    """Three of four pairs differ so little that their labels say next to nothing."""
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(2, count, dim))
    swap = (sides[0] - sides[1]) @ np.sign(rng.normal(size=dim)) < 0
    sides[:, swap] = sides[::-1, swap]
    share = np.where(np.arange(count) % 4 > 0, 0.02, 1)[:, None]
    middle = sides.mean(axis=0)
    return of_sides(*(middle + share * (sides - middle)).astype(np.float32))


@pytest.mark.slow
def test_where_most_pairs_say_nothing_choosing_pays():
    found = backtest(dull_and_telling(), rounds=3)
    assert found.verdict == "choose"
    assert found.random.mean > found.chosen
    assert "chosen labels do as well as" in str(found)


@pytest.mark.slow
def test_labels_of_a_coin_are_told_from_nothing():
    found = backtest(embedded(150, strength=0.0), rounds=2)
    assert found.verdict in ("too few", "no difference")


def test_too_few_pairs_are_not_tried():
    found = backtest(embedded(60))
    assert (found.verdict, found.difference) == ("too few", None)
    assert "cannot be tested on 60 pairs" in str(found)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "words"),
    [
        (0.01, 0.05, "choose", "120 chosen labels do as well as 190 [150, 260] random ones"),
        (-0.05, -0.01, "harm", "do worse than random ones (-3.0 points [-5.0, -1.0]"),
        (-0.02, 0.02, "no difference", "label at random"),
        (-0.04, 0.05, "too few", "too few labels to tell"),
    ],
)
def test_verdicts(low, high, verdict, words):
    found = Backtest(300, Interval((low + high) / 2, low, high), 120, Interval(190, 150, 260))
    assert found.verdict == verdict
    assert words in str(found)


def test_equal_numbers_are_read_off_the_curve_of_chance():
    """Chance gains 0.1 / sqrt(n) and so on exactly; the last choice is as good as chance at 80."""
    sizes = np.array([20.0, 30, 40, 50, 60, 90, 120])
    law = 0.8 - 1.5 * sizes**-0.5
    chosen = np.full(tried.BATCHES, 0.8 - 1.5 * 80**-0.5)
    right = np.repeat(np.concatenate([chosen, law])[None, :, None], 40, axis=2)
    found = tried._equivalent(sizes, np.repeat(right, 2, axis=0), np.arange(40))
    assert found.mean == pytest.approx(80, rel=0.03)
    assert found.low <= found.mean <= found.high
