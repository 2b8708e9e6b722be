"""Does latent augmentation help on these pairs? Cross-validated, with controls and intervals."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from lens.advice.backtest import backtest
from lens.advice.baseline import compare_baseline, score_gaps
from lens.advice.crossval import correct, interval_by_prompt, make_round, round_margins
from lens.advice.learning_curve import Curve, curve_round, fit_curve
from lens.advice.own_pairs import EmbeddedPairs
from lens.advice.result import Advice, Comparison, duration
from lens.core.diagnostics import named, of_ties
from lens.core.errors import LensError
from lens.core.intervals import Interval
from lens.reward import methods
from lens.reward.recipes import Recipe, train, train_vae_of_each, vae_flags

SCALES = (2, 4, 8)
LEAST_ROUNDS, ROUNDS = 3, 5
LENS_COST = 1.2  # of a LENS step in steps on pairs as they are
CURVE = 1.2  # what the learning curve adds to a round


def recipes_for(scales: Sequence[int], *, soft: bool = False) -> list[Recipe]:
    """What is compared: plain recipes first, on soft labels as well if there are any, then each
    augmentation behind its control."""
    plain = [Recipe(method) for method in ("original", *methods.PROBES)]
    if soft:
        plain += [replace(recipe, labels="soft") for recipe in plain]
    if not scales:
        return plain
    compared = [Recipe(method, k) for k in scales for method in ("repeat", "lens")]
    return [*plain, *compared, Recipe("lens_plus", max(scales))]


def advise(
    pairs: EmbeddedPairs,
    *,
    scales: Sequence[int] = SCALES,
    rounds: int | None = None,
    minutes: float = 10.0,
    baseline: str | None = None,
    tell: Callable[[str], object] = lambda message: None,
) -> Advice:
    """Compares recipes on held-out prompts and says which to use.

    Where labels are soft, plain recipes train on them and on hard ones, and ties are not judged.
    Each round cuts the pairs into five folds by prompt and trains every recipe five times. Unless
    `rounds` is given, there are as many of 5 as fit into `minutes`, at least 3, going by the first
    one's time; large scales, and at last all augmentation, are left out where even that would take
    too long. `baseline` is "length" or a file of scores (`lens.advice.baseline`). `tell` gets the
    estimate before the work begins. LensError when there are too few prompts.
    """
    if not isinstance(pairs, EmbeddedPairs):
        raise LensError("advise needs embedded pairs: `lens.embed_pairs(pairs, encoder)`.")
    if not isinstance(scales, Sequence) or not scales or min(scales) < 2:
        raise LensError(f"scales {scales}: a list of whole numbers from 2 is needed.")
    if rounds is not None and rounds < 1:
        raise LensError(f"rounds {rounds}: at least one is needed.")
    if baseline:
        score_gaps(pairs.table, baseline)  # scores that are missing are found before the work
    start, budget = time.perf_counter(), minutes * 60
    scales, raised = _plan(pairs, sorted(scales), rounds, budget, tell, pairs.graded)
    recipes = recipes_for(scales, soft=pairs.graded)
    margins: dict[Recipe, list] = {recipe: [] for recipe in recipes}
    bar = tqdm(unit="recipe", desc="cross-validate", disable=None)
    bar.total = (rounds or ROUNDS) * len(recipes)
    begun, seed = time.perf_counter(), 0
    while seed < (rounds or ROUNDS):
        for recipe, found in round_margins(pairs, recipes, seed):
            margins[recipe].append(found)
            bar.update()
        seed += 1
        if rounds is None and seed == 1:
            each = time.perf_counter() - begun
            left = budget - (time.perf_counter() - start)
            rounds = 1 + int(min(ROUNDS - 1, max(LEAST_ROUNDS - 1, left // (each * CURVE))))
            bar.total = rounds * len(recipes)
    bar.close()
    stacked = {recipe: np.stack(found) for recipe, found in margins.items()}
    advice = conclude(pairs, stacked)
    advice.flags = raised + advice.flags
    advice.curve = _curve(pairs, _curve_recipe(advice.accuracy), advice.rounds)
    advice.choice = backtest(pairs)
    if baseline:
        probe = advice.curve.recipe
        advice.baseline = compare_baseline(pairs, stacked[probe], str(probe), baseline)
    advice.seconds = time.perf_counter() - start
    return advice


def conclude(pairs: EmbeddedPairs, margins: dict[Recipe, np.ndarray]) -> Advice:
    """The advice from held-out margins [rounds, N] of each recipe, but for its learning curve.

    The best probe is recommended, unless the best MLP beats it by an interval that leaves out 0, or
    a synthetic recipe beats every plain one, its control among them. To beat all is an
    intersection-union test, which needs no correction for their number; that several synthetic
    recipes try does.
    """
    right = {recipe: correct(values) for recipe, values in margins.items()}
    groups = pairs.groups[pairs.decided]
    accuracy = {recipe: interval_by_prompt(values, groups) for recipe, values in right.items()}
    plain = [recipe for recipe in right if not recipe.synthetic]
    best = _best_plain(plain, right, accuracy, groups)
    synthetic = [recipe for recipe in right if recipe.synthetic]
    level = 1 - 0.05 / max(1, len(synthetic))

    def compare(recipe: Recipe, control: Recipe, level: float) -> Comparison:
        gain = right[recipe] - right[control]
        difference, corrected = (
            interval_by_prompt(gain, groups, x, least=-1) for x in (0.95, level)
        )
        return Comparison(recipe, control, difference, corrected)

    comparisons = [compare(recipe, control, level) for recipe in synthetic for control in plain]
    soft = [recipe for recipe in plain if recipe.labels == "soft"]
    winners = [
        recipe
        for recipe in synthetic
        if all(each.corrected.low > 0 for each in comparisons if each.recipe == recipe)
    ]
    rounds, count = next(iter(margins.values())).shape
    return Advice(
        pairs=count,
        prompts=len(np.unique(groups)),
        trained_on=round(0.8 * count),
        rounds=rounds,
        seconds=0.0,
        accuracy=accuracy,
        comparisons=comparisons,
        recommended=max(winners, key=lambda recipe: accuracy[recipe].mean, default=best),
        curve=None,  # type: ignore[arg-type]  # `advise` adds it
        report=pairs.report | {"sha256": pairs.sha256},
        soft=[
            compare(recipe, replace(recipe, labels="hard"), 1 - 0.05 / len(soft)) for recipe in soft
        ],
        flags=pairs.flags + _tie_flags(margins),
        margins=margins,
    )


def _tie_flags(margins: dict[Recipe, np.ndarray]) -> list[dict]:
    return [
        flag
        for recipe, values in margins.items()
        for flag in named(of_ties(int((values == 0).sum()), values.size), recipe=str(recipe))
    ]


def _best_plain(plain: list[Recipe], right: dict, accuracy: dict, groups: np.ndarray) -> Recipe:
    """The probe with the highest accuracy, or an MLP that is told from it by its interval."""
    probe = _curve_recipe(accuracy)
    networks = [recipe for recipe in plain if recipe.method not in methods.PROBES]
    best = max(networks, key=lambda recipe: accuracy[recipe].mean)
    gain = interval_by_prompt(right[best] - right[probe], groups, least=-1)
    return best if gain.low > 0 else probe


def _curve_recipe(accuracy: dict[Recipe, Interval]) -> Recipe:
    """The best of the probes: they train in moments at any size."""
    probes = [recipe for recipe in accuracy if recipe.method in methods.PROBES]
    return max(probes, key=lambda recipe: accuracy[recipe].mean)


def _curve(pairs: EmbeddedPairs, recipe: Recipe, rounds: int) -> Curve:
    bar = tqdm(range(rounds), unit="round", desc="learning curve", disable=None)
    sizes, outcomes = zip(*(curve_round(pairs, recipe, seed) for seed in bar), strict=True)
    return fit_curve(pairs, recipe, np.mean(sizes, axis=0), np.stack(outcomes))


def _plan(
    pairs: EmbeddedPairs,
    scales: Sequence[int],
    rounds: int | None,
    budget: float,
    tell: Callable[[str], object],
    soft: bool = False,
) -> tuple[list[int], list[dict]]:
    """(the scales of which three rounds fit into `budget` seconds, going by a few trainings: all of
    them where `rounds` are given, perhaps none; flags of the VAEs among these trainings)."""
    cut, plain = make_round(pairs, 0), 2 if soft else 1
    times, vaes = {}, {}
    train(Recipe("original"), cut.data)  # a first training takes longer than all others
    for name, run in {
        "original": lambda: train(Recipe("original"), cut.data),
        "vae": lambda: vaes.update(train_vae_of_each(cut.data)),
        "probes": lambda: [train(Recipe(method), cut.data) for method in methods.PROBES],
    }.items():
        begun = time.perf_counter()
        run()
        times[name] = time.perf_counter() - begun
    for most in range(len(scales), -1, -1):
        kept = list(scales[:most])
        steps = plain + sum(kept) * (1 + LENS_COST) + max(kept, default=0)
        probes = plain * times["probes"]
        each = CURVE * (times["original"] * steps + times["vae"] * bool(kept) + probes)
        if rounds or LEAST_ROUNDS * each <= budget or not kept:
            break
        least = LEAST_ROUNDS * each
    left_out = ""
    if most < len(scales):
        left_out = f"; left out for want of time: scales {', '.join(map(str, scales[most:]))}"
        if not kept:
            left_out += f" ({scales[0]} alone takes about {duration(least)}: --minutes)"
    count = rounds or max(LEAST_ROUNDS, min(ROUNDS, int(budget // each)))
    recipes = len(recipes_for(kept, soft=soft))
    tell(
        f"Cross-validating {recipes} recipes, {count} rounds of 5 folds: about "
        f"{duration(count * each)}{left_out}."
    )
    return kept, vae_flags(cut.data, vaes) if kept else []
