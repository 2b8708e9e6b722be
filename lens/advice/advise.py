"""Does latent augmentation help on these pairs? Cross-validated, with controls and intervals."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lens.advice import backtest
from lens.advice.baseline import compare_baseline, score_gaps
from lens.advice.budget import CHOICE, SPARE, Budget, expectations
from lens.advice.crossval import (
    correct,
    make_round,
    reconstruction_flags_of,
    round_margins,
    tie_flags_of,
    winners_bonus,
)
from lens.advice.learning_curve import Curve, curve_round, fit_curve
from lens.advice.own_pairs import EmbeddedPairs
from lens.advice.result import Advice, Comparison
from lens.core.errors import LensError
from lens.core.intervals import Interval, interval_by_prompt
from lens.core.progress import Bar
from lens.evaluation.parts import judged_parts, without_control
from lens.report.render import duration
from lens.reward import methods
from lens.reward.recipes import CONTROLLED, Recipe, train

SCALES = (4,)
LEAST_ROUNDS, ROUNDS = 3, 5


def recipes_for(
    scales: Sequence[int], *, soft: bool = False, control: str = "", converged: bool = False
) -> list[Recipe]:
    """What is compared: plain recipes first, also with a `control` (a recipe's covariate) where
    that is possible, all of them on soft labels as well if there are any; then each augmentation
    behind its control, with `converged` also LENS with a VAE trained until convergence."""
    plain = [Recipe(method) for method in ("original", *methods.PROBES)]
    if control:
        plain += [Recipe(method, covariate=control) for method in CONTROLLED]
    if soft:
        plain += [replace(recipe, labels="soft") for recipe in plain]
    if not scales:
        return plain
    tried = ("repeat", "lens", *["lens_converged"] * converged)
    compared = [Recipe(method, k) for k in scales for method in tried]
    return [*plain, *compared, Recipe("lens_plus", max(scales))]


def advise(
    pairs: EmbeddedPairs,
    *,
    scales: Sequence[int] = SCALES,
    rounds: int | None = None,
    minutes: float = 10.0,
    baseline: str | None = None,
    control: str = "",
    converged: bool = False,
    tell: Callable[[str], object] = lambda message: None,
) -> Advice:
    """Compares recipes on held-out prompts and recommends one.

    Each round splits the pairs into five folds by prompt and trains every recipe five times. With
    soft labels, plain recipes are trained on soft and on hard labels; ties are not used for
    judging. Without `rounds`, 3 to 5 rounds run, as many as fit into `minutes`. If time is short,
    what is `converged` is skipped first, then large scales, then rounds down to one, then all
    augmentation; a round that would not finish in time is skipped, and the advice reports it.
    `baseline` is "length" or a file of scores (`lens.advice.baseline`). With `control` "length" a
    linear recipe is recommended that leaves length out (a recipe's covariate), and the advice
    reports what that costs. `converged`: LENS also with a VAE trained until convergence, which can
    take longer than all the rest. `tell` is given the time estimate before the work. LensError if
    there are too few prompts.
    """
    if not isinstance(pairs, EmbeddedPairs):
        raise LensError("advise needs embedded pairs: `lens.embed_pairs(pairs, encoder)`.")
    if not isinstance(scales, Sequence) or not scales or min(scales) < 2:
        raise LensError(f"scales {scales}: a list of whole numbers from 2 is needed.")
    if rounds is not None and rounds < 1:
        raise LensError(f"rounds {rounds}: at least one is needed.")
    if baseline:
        score_gaps(pairs.table, baseline)  # scores that are missing are found before the work
    budget = Budget(minutes * 60 if rounds is None else None)
    try:
        recipes, count, done = _plan(
            pairs, sorted(scales), rounds, budget, tell, control=control, converged=converged
        )
        results = _cross_validate(pairs, recipes, count, budget, done)
        advice = _conclude(pairs, results, budget)
    finally:
        budget.give_back()
    if baseline:
        probe = advice.curve.recipe
        advice.baseline = compare_baseline(pairs, advice.margins[probe], str(probe), baseline)
    advice.seconds = budget.spent
    return advice


@dataclass
class _Rounds:
    """Held-out margins of each recipe and what its VAEs explain of held-out variance, an item for
    each round; flags of the VAEs of the first round; what was skipped, if time was short."""

    margins: dict[Recipe, list[np.ndarray]]
    explained: dict[Recipe, list[float]] = field(default_factory=dict)
    flags: list[dict] = field(default_factory=list)
    stopped: str = ""


def _cross_validate(
    pairs: EmbeddedPairs,
    recipes: list[Recipe],
    rounds: int,
    budget: Budget,
    first_round: dict[Recipe, np.ndarray],
) -> _Rounds:
    """All rounds, or as many whole ones as the budget allows; of the first one, what the plan has
    not `first_round`: plain recipes whatever the clock says, and others while there is time."""
    results = _Rounds({})
    bar = Bar(total=rounds * len(recipes), unit="recipe", desc="cross-validate")
    for seed in range(rounds):
        if seed and not budget.has_time_for(recipes, seed + 1):
            results.stopped = f"{seed} of {rounds} planned rounds: the time budget was used up."
            break
        current = {} if seed else dict(first_round)
        ahead = recipes[len(current) :]
        explained: dict[Recipe, float] = {}
        flags = results.flags if not seed else None
        trained = round_margins(pairs, ahead, seed, flags=flags, explained=explained)
        bar.update(len(current))
        for recipe in ahead:
            needed = not seed and not (recipe.synthetic or recipe.scale > 1)
            if not needed and not budget.has_time_for([recipe], seed + bool(not seed)):
                break
            budget.use_free_cores()
            begun = time.perf_counter()
            _, current[recipe] = next(trained)
            budget.took(recipe, time.perf_counter() - begun)
            bar.update()
        if seed and len(current) < len(recipes):
            results.stopped = (
                f"{seed} of {rounds} planned rounds: the time budget was used up in the next one."
            )
            break
        for recipe, margins in current.items():
            results.margins.setdefault(recipe, []).append(margins)
        for recipe, share in explained.items():
            results.explained.setdefault(recipe, []).append(share)
        if len(current) < len(recipes):
            left_out = ", ".join(str(recipe) for recipe in recipes[len(current) :])
            results.stopped = f"one round, without {left_out}: the time budget was used up."
            break
    bar.close()
    return results


def _conclude(pairs: EmbeddedPairs, results: _Rounds, budget: Budget) -> Advice:
    """The advice, with its learning curve and the back-test of choosing pairs."""
    advice = conclude(pairs, {r: np.stack(margins) for r, margins in results.margins.items()})
    advice.explained = {r: float(np.mean(shares)) for r, shares in results.explained.items()}
    advice.flags = results.flags + reconstruction_flags_of(advice.explained) + advice.flags
    advice.stopped = results.stopped
    advice.curve = _curve(pairs, _best_probe(advice.accuracy), advice.rounds, budget)
    advice.choice = _choice(pairs, budget)
    return advice


def conclude(pairs: EmbeddedPairs, margins: dict[Recipe, np.ndarray]) -> Advice:
    """The advice from held-out margins [rounds, N] of each recipe, except for its learning curve.

    The best probe is recommended, unless the best MLP beats it by an interval that leaves out 0, or
    a synthetic recipe beats every plain one, its control among them. To beat all is an
    intersection-union test, which needs no correction for their number; that several synthetic
    recipes try does. Where recipes with a covariate were tried, the best of these is recommended.
    """
    right = {recipe: correct(values) for recipe, values in margins.items()}
    groups = pairs.groups[pairs.decided]
    accuracy = {
        recipe: interval_by_prompt(values, groups, cross_validated=True)
        for recipe, values in right.items()
    }
    controlled = [recipe for recipe in right if recipe.covariate]
    plain = [recipe for recipe in right if not recipe.synthetic and not recipe.covariate]
    probe = _best_probe(accuracy)
    best = probe if controlled else _best_plain(plain, probe, right, accuracy, groups)
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
        if not controlled and all(c.corrected.low > 0 for c in comparisons if c.recipe == recipe)
    ]
    recommended = max(winners, key=lambda recipe: accuracy[recipe].mean, default=best)
    rivals = controlled or [r for r in right if r.method in methods.PROBES or r == recommended]
    bonus = winners_bonus(np.stack([right[recipe] for recipe in rivals]), groups)
    rounds, count = next(iter(margins.values())).shape
    table, other = pairs.table[pairs.decided], right[replace(recommended, covariate="")]
    return Advice(
        pairs=count,
        prompts=len(np.unique(groups)),
        trained_on=round(0.8 * count),
        rounds=rounds,
        seconds=0.0,
        accuracy=accuracy,
        comparisons=comparisons,
        recommended=recommended,
        expected=Interval(*(value - bonus for value in vars(accuracy[recommended]).values())),
        curve=None,  # type: ignore[arg-type]  # `advise` adds it
        report=pairs.report | {"sha256": pairs.sha256},
        soft=[
            compare(recipe, replace(recipe, labels="hard"), 1 - 0.05 / len(soft)) for recipe in soft
        ],
        flags=pairs.flags + tie_flags_of(margins),
        margins=margins,
        parts=judged_parts(table, right[recommended]),
        without_control=without_control(table, right[recommended], other) if controlled else None,
    )


def _best_plain(
    plain: list[Recipe], probe: Recipe, right: dict, accuracy: dict, groups: np.ndarray
) -> Recipe:
    """The best probe, or an MLP that is better by an interval without 0."""
    networks = [recipe for recipe in plain if recipe.method not in methods.PROBES]
    best = max(networks, key=lambda recipe: accuracy[recipe].mean)
    gain = interval_by_prompt(right[best] - right[probe], groups, least=-1)
    return best if gain.low > 0 else probe


def _best_probe(accuracy: dict[Recipe, Interval]) -> Recipe:
    """The most accurate probe, of those with a covariate if there are any."""
    probes = [recipe for recipe in accuracy if recipe.method in methods.PROBES]
    controlled = [recipe for recipe in probes if recipe.covariate]
    return max(controlled or probes, key=lambda recipe: accuracy[recipe].mean)


def _curve(pairs: EmbeddedPairs, recipe: Recipe, rounds: int, budget: Budget) -> Curve:
    """The learning curve of as many rounds as the budget has left time for, at least one."""
    sizes, outcomes, begun = [], [], budget.spent
    for seed in Bar(range(rounds), unit="round", desc="learning curve"):
        per_round = (budget.spent - begun) / max(1, seed)
        if seed and budget.limit is not None and budget.spent + per_round > budget.limit:
            break
        budget.use_free_cores()
        size, outcome = curve_round(pairs, recipe, seed)
        sizes.append(size)
        outcomes.append(outcome)
    return fit_curve(pairs, recipe, np.mean(sizes, axis=0), np.stack(outcomes))


def _choice(pairs: EmbeddedPairs, budget: Budget) -> backtest.Backtest:
    """The back-test of choosing pairs, with as many rounds as there is time for."""
    begun = budget.spent

    def go_on(done: int) -> bool:
        budget.use_free_cores()
        if budget.limit is None:
            return True
        least = max(1, backtest.LEAST_ROUNDS - done)
        rest = least * (budget.spent - begun) / done if done else budget.choice
        return budget.spent + rest <= SPARE * budget.limit

    return backtest.backtest(pairs, go_on=go_on)


def _plan(
    pairs: EmbeddedPairs,
    scales: Sequence[int],
    rounds: int | None,
    budget: Budget,
    tell: Callable[[str], object],
    *,
    control: str = "",
    converged: bool = False,
) -> tuple[list[Recipe], int, dict[Recipe, np.ndarray]]:
    """(recipes, rounds, margins of the first round's plain recipes): what fits into the budget by
    the trainings of the latter, which say what each recipe should take; all of it where `rounds`
    are given. Short of time, `converged` goes first."""
    cut, times, done = make_round(pairs, 0), {}, {}
    warm = dict([*cut.data.items()][:1])
    budget.use_free_cores()
    train(Recipe("original"), warm)  # a first training takes longer than all others
    for method in ("original", *methods.PROBES):
        begun = time.perf_counter()
        done[Recipe(method)] = cut.margins(pairs, train(Recipe(method), cut.data))
        times[method] = time.perf_counter() - begun
    if backtest.is_possible(pairs):
        budget.choice = backtest.LEAST_ROUNDS * CHOICE * times["evidence_probe"]
    extra = budget.choice - sum(times.values())  # except for rounds, the first of which has started
    round_counts, most = [rounds] if rounds else [LEAST_ROUNDS, 1], len(scales)

    def plan(tried_scales: Sequence[int], with_it: bool) -> tuple[list[Recipe], float]:
        chosen = recipes_for(tried_scales, soft=pairs.graded, control=control, converged=with_it)
        budget.expected = expectations(chosen, times["original"], times)
        return chosen, sum(budget.expected.values()) + budget.curve()

    left = float("inf") if budget.limit is None else SPARE * budget.limit - budget.spent
    fits = [
        (most_scales, with_it, least)
        for least in round_counts
        for with_it in ([True, False] if converged else [False])
        for most_scales in range(most, 0, -1)
        if least * plan(scales[:most_scales], with_it)[1] + extra <= left
    ]
    most_scales, with_it, least = fits[0] if fits else (0, False, LEAST_ROUNDS)
    recipes, per_round = plan(scales[:most_scales], with_it)
    count = rounds or max(1, min(ROUNDS if least > 1 else 1, int((left - extra) // per_round)))
    left_out = ""
    if converged > with_it:
        left_out = "; skipped, not enough time: LENS with a converged VAE (--minutes)"
    if most_scales < most:
        left_out += (
            f"; skipped, not enough time: scales {', '.join(map(str, scales[most_scales:]))}"
        )
        if not most_scales:
            least_time = duration(plan(scales[:1], False)[1])
            left_out += f" ({scales[0]} alone takes about {least_time} a round: --minutes)"
            plan([], False)
    tell(
        f"Cross-validating {len(recipes)} recipes, {count} round{'s' * (count > 1)} of 5 folds: "
        f"about {duration(count * per_round + extra)}{left_out}."
    )
    return recipes, count, done
