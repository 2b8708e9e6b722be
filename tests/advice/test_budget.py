"""The time budget of an advice: what is planned, and what the clock ends early."""

import numpy as np
import pytest

from lens.advice import advise as advising
from lens.advice import backtest
from lens.advice import budget as budgeting
from lens.advice.advise import advise, recipes_for
from lens.advice.budget import CONVERGED, SPARE, VAE, Budget, expectations
from lens.advice.result import heading
from lens.reward import methods
from lens.reward.recipes import Recipe
from tests.helpers.embedded_pairs import embedded


class Cut:
    data = property(lambda self: {})

    def margins(self, pairs, heads):
        return np.ones(60)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only `tick(seconds)` moves; trainings of the plan take a second each."""
    now = [0.0]
    monkeypatch.setattr(advising.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(advising, "make_round", lambda pairs, seed: Cut())

    def tick(seconds):
        now[0] += seconds

    monkeypatch.setattr(advising, "train", lambda recipe, data: tick(1.0))
    monkeypatch.setattr(budgeting, "free_cores", lambda: 1)
    return tick


def planned(limit, scales=(2, 4, 8), rounds=None, **tried):
    """(scales kept, rounds, what was told)."""
    told = []
    recipes, count, _ = advising._plan(
        embedded(), scales, rounds, Budget(limit), told.append, **tried
    )
    return sorted({r.scale for r in recipes} - {1}), count, told[-1]


def test_time_decides_scales_and_rounds(clock):
    """The estimate, large scales left out, then rounds, at last all augmentation."""
    probes = len(methods.PROBES)
    assert planned(1e6) == (
        [2, 4, 8],
        5,
        f"Cross-validating {8 + probes} recipes, 5 rounds of 5 folds: about 5 min.",
    )
    two = 1 + probes + 2 * 2.2 + 7 + 2 * 1.7 + 2  # original, probes, 2x and VAE, LENS+, curve
    spent = 2 + probes
    kept, rounds, told = planned((3 * two + spent) / SPARE + 0.1)
    assert (kept, rounds) == ([2], 3)
    assert "skipped, not enough time: scales 4, 8." in told
    assert planned((two + spent) / SPARE + 0.1)[:2] == ([2], 1)
    kept, rounds, told = planned(spent / SPARE)
    assert (kept, rounds) == ([], 1)
    assert "scales 2, 4, 8 (2 alone takes about 22 s a round: --minutes)" in told
    assert planned(None, rounds=7)[:2] == ([2, 4, 8], 7)


def test_a_converged_vae_is_planned_for_once_and_for_all_scales():
    recipes = recipes_for([2, 4], converged=True)
    seconds = expectations(recipes, 1.0, dict.fromkeys(methods.PROBES, 0.1))
    assert seconds[Recipe("lens", 2)] == pytest.approx(2.4 + VAE)
    assert seconds[Recipe("lens_converged", 2)] == pytest.approx(2.4 + CONVERGED)
    assert seconds[Recipe("lens_converged", 4)] == pytest.approx(4.8)
    assert {*seconds} - {*recipes_for([2, 4])} == {Recipe("lens_converged", k) for k in (2, 4)}


def test_a_converged_vae_that_does_not_fit_in_is_left_out_first(clock):
    probes = len(methods.PROBES)
    three = 3 * (1 + probes + 2 * 2.2 + VAE + 2 * 1.7 + 2) + 2 + probes
    kept, rounds, told = planned(three / SPARE + 0.1, [2], converged=True)
    assert (kept, rounds) == ([2], 3)
    assert "skipped, not enough time: LENS with a converged VAE (--minutes)." in told
    assert f"{5 + probes} recipes" in planned(1e6, [2], converged=True)[-1]
    assert f"{4 + probes} recipes" in planned(1e6, [2])[-1]


def slow_rounds(monkeypatch, clock, seconds):
    """Rounds whose recipes take `seconds(seed, recipe)`."""

    def margins(pairs, recipes, seed, **found):
        for recipe in recipes:
            clock(seconds(seed, recipe))
            yield recipe, np.ones(60)

    monkeypatch.setattr(advising, "round_margins", margins)
    monkeypatch.setattr(advising, "_curve", lambda *arguments: None)


def test_a_machine_that_slows_down_ends_a_round_early_and_keeps_the_budget(monkeypatch, clock):
    """Planned at 5 rounds of 26 s; from the second on all takes four times as long."""
    slow_rounds(monkeypatch, clock, lambda seed, recipe: 2.0 * (4 if seed else 1))
    advice = advise(embedded(60), scales=[2], minutes=3)
    assert advice.rounds < 5
    assert advice.seconds <= 180
    assert "planned rounds" in advice.stopped
    assert "Stopped early" in heading(advice)
    assert len({margins.shape for margins in advice.margins.values()}) == 1


def test_a_first_round_that_takes_too_long_leaves_augmentation_out(monkeypatch, clock):
    slow_rounds(monkeypatch, clock, lambda seed, recipe: 30.0)
    advice = advise(embedded(60), scales=[2], minutes=2)
    assert advice.rounds == 1
    assert set(advice.accuracy) == {*recipes_for([]), Recipe("repeat", 2)}
    assert "without LENS 2x, LENS+ 2x" in advice.stopped


@pytest.mark.parametrize(("left", "done"), [(20, 0), (100, 1), (170, 3), (260, 5)])
def test_the_back_test_keeps_the_budget_or_says_that_there_was_no_time(
    monkeypatch, clock, left, done
):
    """Rounds of 50 s, of which the plan thought that three take 30: fewer than three say nothing,
    and the sentence says why."""
    begun = []

    def slow_round(pairs, number, progress):
        begun.append(number)
        clock(50.0)
        return np.arange(10.0, 17), np.ones((11, len(pairs)))

    monkeypatch.setattr(backtest, "_round", slow_round)
    budget = Budget(left / SPARE + 1, choice=30.0)
    found = advising._choice(embedded(100), budget)
    assert len(begun) == done
    assert budget.spent <= left + 1
    assert found.stopped == (done < 3)
    assert ("was not tested: the time budget" in str(found)) == found.stopped


@pytest.mark.parametrize(("cores", "loads", "free"), [(8, (3, 4, 3), 6), (2, (9, 9, 1), 1)])
def test_cores_on_which_others_run_are_not_free(monkeypatch, tmp_path, cores, loads, free):
    """The middle of three looks, without the thread that looks."""
    file, reads = tmp_path / "loadavg", iter(loads)
    file.write_text("")
    monkeypatch.setattr(budgeting, "LOAD", file)
    monkeypatch.setattr(budgeting.os, "cpu_count", lambda: cores)
    look = lambda seconds: file.write_text(f"0.5 0.4 0.3 {next(reads)}/612 1\n")  # noqa: E731
    monkeypatch.setattr(budgeting.time, "sleep", look)
    assert budgeting.free_cores() == free
    monkeypatch.setattr(budgeting, "LOAD", tmp_path / "none")
    assert budgeting.free_cores() == cores


def test_a_busy_machine_gets_fewer_threads_until_the_advice_is_there(monkeypatch, clock):
    """Not where rounds are asked for, whose numbers do not depend on what else the machine does."""
    threads = []
    monkeypatch.setattr(budgeting.torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(budgeting, "set_threads", threads.append)
    slow_rounds(monkeypatch, clock, lambda seed, recipe: 1.0)
    advise(embedded(60), scales=[2], rounds=1)
    assert threads == []
    advise(embedded(60), scales=[2], minutes=3)
    assert set(threads[:-1]) == {1}
    assert len(threads) > 4 * 8  # before each recipe of each round
    assert threads[-1] == 4


def test_rounds_that_are_asked_for_are_done_whatever_the_clock_says(monkeypatch, clock):
    slow_rounds(monkeypatch, clock, lambda seed, recipe: 1000.0)
    advice = advise(embedded(60), scales=[2], minutes=1, rounds=4)
    assert advice.rounds == 4
    assert not advice.stopped
