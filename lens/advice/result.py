"""The result of cross-validation, and what it means in plain words."""

from dataclasses import dataclass, field, replace

import numpy as np

from lens.advice.backtest import Backtest
from lens.advice.baseline import Baseline
from lens.advice.learning_curve import Curve
from lens.core.diagnostics import sentences
from lens.core.intervals import Interval
from lens.evaluation.parts import Part, WithoutControl, depends_on_length
from lens.report.render import duration
from lens.reward.recipes import HEAD_SETTINGS, SYNTHESIS_SETTINGS, VAE_SETTINGS, Recipe

CHANCE = 0.5
FEW = 100


@dataclass
class Comparison:
    """A recipe compared with a control: the difference in accuracy with its 95 % interval, and
    `corrected`, an interval widened for the number of compared recipes (Bonferroni)."""

    recipe: Recipe
    control: Recipe
    difference: Interval
    corrected: Interval


@dataclass(repr=False)
class Advice:
    """The result of cross-validation. `accuracy` is by recipe; `recommended` uses synthetic pairs
    only if it clearly beats its control and every plain recipe (interval excludes 0). `soft`
    compares plain recipes on soft and on hard labels, `choice` chosen labels with random ones,
    `baseline` scores without labels with the same plus a probe. `stopped` is what was skipped for
    time; `expected` is the recommended recipe's accuracy minus its selection bias; `parts` shows
    where it is right, and `without_control` what leaving length out costs, if that was asked;
    `explained` is the share of held-out variance that a recipe's VAEs explain."""

    pairs: int
    prompts: int
    trained_on: int
    rounds: int
    seconds: float
    accuracy: dict[Recipe, Interval]
    comparisons: list[Comparison]
    recommended: Recipe
    curve: Curve
    report: dict
    flags: list[dict] = field(default_factory=list)
    margins: dict[Recipe, np.ndarray] = field(repr=False, default_factory=dict)
    soft: list[Comparison] = field(default_factory=list)
    stopped: str = ""
    choice: Backtest | None = None
    baseline: Baseline | None = None
    expected: Interval | None = None
    parts: list[Part] = field(default_factory=list)
    without_control: WithoutControl | None = None
    explained: dict[Recipe, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return as_text(self)


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def bracket(interval: Interval, *, sign: str = "") -> str:
    """[low, high] in points."""
    return f"[{100 * interval.low:{sign}.1f}, {100 * interval.high:{sign}.1f}]"


def points(interval: Interval) -> str:
    return f"{100 * interval.mean:+.1f} points {bracket(interval, sign='+')}"


def as_text(advice: Advice) -> str:
    """What was measured, what it means, what more labels would bring, what to do next."""
    answer = [heading(advice), verdict(advice), table(advice)]
    answer += [*beware(advice), *by_part(advice)]
    return "\n\n".join([*answer, more_labels(advice), next_step(advice)])


def heading(advice: Advice) -> str:
    return (
        f"{advice.pairs:,} pairs with {advice.prompts:,} prompts; {advice.rounds} "
        f"round{'s' * (advice.rounds > 1)} of 5-fold "
        f"cross-validation by prompt (each model trains on about {advice.trained_on:,} pairs), "
        f"{duration(advice.seconds)}.{f' Stopped early: {advice.stopped}' * bool(advice.stopped)}"
    )


def beware(advice: Advice) -> list[str]:
    """A paragraph with the flags, or none."""
    lines = [f"  {line}" for line in sentences(advice.flags)]
    return ["\n".join(["Beware:", *lines])] if lines else []


def table(advice: Advice) -> str:
    """Held-out accuracy by recipe, best first."""
    rows = sorted(advice.accuracy.items(), key=lambda item: -item[1].mean)
    width = max(17, *(len(str(recipe)) for recipe in advice.accuracy))
    column = max(42, width + 25)
    header = f"{'held-out accuracy, 95 % interval':<{column}}{'against repeat':<27}"
    lines = [(header + "  VAE explains" * bool(advice.explained)).rstrip()]
    for recipe, value in rows:
        against = next(
            (c for c in advice.comparisons if (c.recipe, c.control) == (recipe, recipe.control)),
            None,
        )
        difference = points(against.difference) if against else ""
        text = f"  {recipe!s:<{width}} {percent(value.mean)} {bracket(value)}"
        share = f"  {percent(advice.explained[recipe])}" if recipe in advice.explained else ""
        lines.append(f"{text:<{column}}{difference:<27}{share}".rstrip())
    if baseline := advice.baseline:
        for name, value in (
            (f"{baseline.name}, no labels", baseline.alone),
            (f"{baseline.name}, with {baseline.recipe}", baseline.combined),
        ):
            lines.append(f"  {name:<{width}} {percent(value.mean)} {bracket(value)}")
        lines.append(f"  your labels add {points(baseline.gain)} to {baseline.name}.")
    return "\n".join(lines)


def by_part(advice: Advice) -> list[str]:
    """A paragraph on where the recommended recipe is right, and one on what it is right in where
    nothing is controlled for, if that was asked."""
    judged_parts = [(str(advice.recommended), advice.parts)]
    if advice.without_control:
        other = replace(advice.recommended, covariate="")
        judged_parts.append((f"without control, {other}", advice.without_control.parts))
    paragraphs = [
        "\n".join([f"{name} is right in", *(f"  {part}" for part in parts)])
        for name, parts in judged_parts
        if parts
    ]
    if depends_on_length(advice.parts) and not advice.recommended.covariate:
        paragraphs[0] += "\n  It follows length: `--control length` trains a reward without it."
    return paragraphs


def verdict(advice: Advice) -> str:
    """The answer: what to use, and what augmentation did."""
    best = advice.accuracy[advice.recommended]
    reason = "Do not augment: no synthetic recipe clearly beats all plain ones."
    if advice.recommended.synthetic:
        reason = "Synthetic pairs help here."
    elif advice.without_control:
        reason = "Only linear rewards can leave length out."
    elif not advice.comparisons:
        reason = "Augmentation was not tried: not enough time (--minutes)."
    sentences = [
        f"Recommended: {advice.recommended} ({percent(best.mean)} {bracket(best)}). {reason}"
    ]
    if advice.expected and advice.expected.mean < best.mean:
        sentences.append(
            f"Expect a little less on new prompts, {percent(advice.expected.mean)} "
            f"{bracket(advice.expected)}, because it was picked as the best of several."
        )
    sentences += filter(None, [about_control(advice)])
    sentences += [about(advice, name) for name in ("lens", "lens_converged", "lens_plus")]
    sentences += filter(None, [about_labels(advice)])
    if best.low <= CHANCE:
        sentences.append(
            f"{advice.recommended} is not detectably better than a coin flip. Get more labels, or "
            "try another encoder, before you choose a method."
        )
    if advice.prompts < FEW:
        sentences.append(f"Fewer than {FEW} prompts, so the intervals are wide.")
    return "\n".join(filter(None, sentences))


def about(advice: Advice, method: str) -> str:
    """A method at its most accurate scale, compared with its control and the best plain recipe;
    empty if it was not tried."""
    of_method = [c for c in advice.comparisons if c.recipe.method == method]
    if not of_method:
        return ""
    recipe = max((c.recipe for c in of_method), key=lambda recipe: advice.accuracy[recipe].mean)
    comparisons = [c for c in of_method if c.recipe == recipe]
    control = next(c for c in comparisons if c.control == recipe.control)
    rival = max(comparisons, key=lambda c: advice.accuracy[c.control].mean)
    steps = "half as many steps" if method == "lens_plus" else "the same number of steps"
    text = (
        f"{recipe} against {control.control} ({steps}): {points(control.difference)}, "
        f"{_meaning(control)}."
    )
    if rival is not control:
        text += (
            f" Against the best plain recipe ({rival.control}): {points(rival.difference)}, "
            f"{_meaning(rival)}."
        )
    if recipe in advice.explained:
        text += f" Its VAE explains {percent(advice.explained[recipe])} of held-out variance."
    return text


def about_control(advice: Advice) -> str | None:
    """What it costs to leave length out, against the same recipe with it."""
    without = advice.without_control
    if without is None:
        return None
    detected = "no detectable cost; " * (without.costs.low <= 0 <= without.costs.high)
    return (
        f"Leaving length out costs {points(without.costs)} of held-out accuracy: {detected}"
        f"{replace(advice.recommended, covariate='')} reaches {percent(without.accuracy.mean)} "
        f"{bracket(without.accuracy)}."
    )


def about_labels(advice: Advice) -> str | None:
    """The most accurate plain recipe on soft labels, compared with the same on hard labels."""
    if not advice.soft:
        return None
    best = max(advice.soft, key=lambda c: advice.accuracy[c.recipe].mean)
    return (
        f"Soft labels (votes, strengths and ties) change held-out accuracy of {best.control} by "
        f"{points(best.difference)} against hard ones: {_meaning(best)}."
    )


def _meaning(comparison: Comparison) -> str:
    difference = comparison.difference
    if difference.low == difference.high == 0:
        return "the same order for every pair"
    if comparison.corrected.low > 0:
        return "a gain"
    if difference.low > 0:
        return "a gain, but not after correction for the number of comparisons"
    return "a loss" if difference.high < 0 else "no detectable difference"


def more_labels(advice: Advice) -> str:
    """The learning curve in words."""
    curve = advice.curve
    now, twice = curve.predicted[:2]
    return "\n".join(
        [
            f"More labels, by the learning curve of the best probe ({curve.recipe}):",
            f"  measured      {_sized_text(curve.sizes, curve.measured)}",
            f"  extrapolated  {_sized_text(curve.ahead, curve.predicted)}",
            f"Twice the labels would bring {100 * (twice.mean - now.mean):+.1f} points, if the "
            "curve continues as a power law.",
            *([str(advice.choice)] if advice.choice else []),
        ]
    )


def _sized_text(sizes: np.ndarray, values: list[Interval]) -> str:
    return "; ".join(
        f"{int(size):,} pairs {percent(value.mean)} {bracket(value)}"
        for size, value in zip(sizes, values, strict=True)
    )


def next_step(advice: Advice) -> str:
    recipe = advice.recommended
    scale = f" --scale {recipe.scale}" if recipe.scale > 1 else ""
    labels = " --labels soft" if recipe.labels == "soft" else ""
    control = f" --control {recipe.covariate}" if recipe.covariate else ""
    return (
        f"Settings it would use: --method {recipe.method}{scale}{labels}{control}; "
        f"{settings_in_words(recipe)}."
    )


def settings_in_words(recipe: Recipe) -> str:
    """A recipe's settings in words."""
    mlp = (
        "an MLP {hidden} wide, learning rate {learning_rate:g}, batches of {batch_size}, {epochs} "
        "epochs at most, {patience} without a better one".format(**HEAD_SETTINGS)
    )
    vae = "a VAE {hidden}-{latent}, beta {beta:g}, gamma {gamma:g}".format(**VAE_SETTINGS)
    return {
        "mean_difference": "it has no settings",
        "linear_probe": "its penalty is chosen by cross-validation",
        "evidence_probe": "its prior, shrinkage and noise follow from the pairs",
        "evidence_network": "its prior, shrinkage and noise follow from the pairs",
        "original": mlp,
        "repeat": mlp,
        "lens": f"{vae}, latent noise {SYNTHESIS_SETTINGS['noise_variance']:g}; {mlp}",
        "lens_converged": f"a VAE trained until convergence; {mlp}",
        "lens_plus": "the evidence network, plus networks where held-out prompts show a gain",
    }.get(recipe.method, f"those of the default config; {mlp}")
