"""An advice in plain words, as JSON and as a picture."""

import numpy as np

from lens.advice.advise import Advice, Comparison, duration
from lens.core.diagnostics import sentences
from lens.core.intervals import Interval
from lens.reward.methods import METHODS
from lens.reward.recipes import HEAD_SETTINGS, SYNTHESIS_SETTINGS, VAE_SETTINGS, Recipe

CHANCE = 0.5
FEW = 100


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def bracket(interval: Interval, *, sign: str = "") -> str:
    """[low, high] in points."""
    return f"[{100 * interval.low:{sign}.1f}, {100 * interval.high:{sign}.1f}]"


def points(interval: Interval) -> str:
    return f"{100 * interval.mean:+.1f} points {bracket(interval, sign='+')}"


def as_text(advice: Advice) -> str:
    """What was measured, what it means, what more labels would bring, what to do next."""
    answer = [heading(advice), verdict(advice), *beware(advice)]
    return "\n\n".join([*answer, table(advice), more_labels(advice), next_step(advice)])


def heading(advice: Advice) -> str:
    return (
        f"{advice.pairs:,} pairs with {advice.prompts:,} prompts; {advice.rounds} rounds of 5-fold "
        f"cross-validation by prompt (each model trains on about {advice.trained_on:,} pairs), "
        f"{duration(advice.seconds)}."
    )


def beware(advice: Advice) -> list[str]:
    """A paragraph on what is wrong with the numbers, or none."""
    lines = [f"  {line}" for line in sentences(advice.flags)]
    return ["\n".join(["Beware:", *lines])] if lines else []


def table(advice: Advice) -> str:
    """Held-out accuracy by recipe, best first."""
    rows = sorted(advice.accuracy.items(), key=lambda item: -item[1].mean)
    lines = [f"{'held-out accuracy, 95 % interval':<42}against repeat"]
    for recipe, value in rows:
        own = [each for each in advice.comparisons if each.recipe == recipe]
        against = next((each for each in own if each.control == recipe.control), None)
        difference = points(against.difference) if against else ""
        text = f"  {recipe!s:<17} {percent(value.mean)} {bracket(value)}"
        lines.append(f"{text:<42}{difference}".rstrip())
    return "\n".join(lines)


def verdict(advice: Advice) -> str:
    """The answer: what to use, and what augmentation did."""
    best = advice.accuracy[advice.recommended]
    plain = (
        "synthetic pairs pay here"
        if advice.recommended.synthetic
        else "augmentation is not recommended, since no synthetic recipe beats all plain ones by "
        "an interval that leaves out 0"
    )
    sentences = [
        f"Recommended: {advice.recommended} ({percent(best.mean)} {bracket(best)}); {plain}."
    ]
    sentences += [about(advice, method) for method in ("lens", "lens_plus")]
    if not advice.comparisons:
        sentences.append("Augmentation was not tried: the time budget was too short for it.")
    if best.low <= CHANCE:
        sentences.append(
            "No recipe is told from a coin here: more labels, or another model to embed with, come "
            "before any choice of method."
        )
    if advice.prompts < FEW:
        sentences.append(f"Fewer than {FEW} prompts: intervals are so wide that little is told.")
    return "\n".join(filter(None, sentences))


def about(advice: Advice, method: str) -> str | None:
    """A method at its scale of highest accuracy, against its control and the best plain recipe."""
    own = [each for each in advice.comparisons if each.recipe.method == method]
    if not own:
        return None
    recipe = max((each.recipe for each in own), key=lambda recipe: advice.accuracy[recipe].mean)
    own = [each for each in own if each.recipe == recipe]
    control = next(each for each in own if each.control == recipe.control)
    rival = max(own, key=lambda each: advice.accuracy[each.control].mean)
    steps = "half as many steps" if method == "lens_plus" else "the same number of steps"
    text = (
        f"On these {advice.pairs:,} pairs {recipe} changes held-out accuracy by "
        f"{points(control.difference)} against {control.control} ({steps}): {_meaning(control)}."
    )
    if rival is not control:
        text += (
            f" Against the best plain recipe, {rival.control}: {points(rival.difference)}, "
            f"{_meaning(rival)}."
        )
    return text


def _meaning(each: Comparison) -> str:
    difference = each.difference
    if difference.low == difference.high == 0:
        return "the same order, pair by pair"
    if each.corrected.low > 0:
        return "a gain"
    if difference.low > 0:
        return "a gain that does not survive correction for the number of comparisons"
    return "a loss" if difference.high < 0 else "no difference is told"


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
            "curve goes on as a power law.",
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
    return f"Settings it would use: --method {recipe.method}{scale}; {settings_of(recipe)}."


def settings_of(recipe: Recipe) -> str:
    """A recipe's settings in words."""
    mlp = (
        "an MLP {hidden} wide, learning rate {learning_rate:g}, batches of {batch_size}, {epochs} "
        "epochs at most, {patience} without a better one".format(**HEAD_SETTINGS)
    )
    vae = "a VAE {hidden}-{latent}, beta {beta:g}, gamma {gamma:g}".format(**VAE_SETTINGS)
    return {
        "mean_difference": "it has no settings",
        "linear_probe": "its penalty is chosen by cross-validation",
        "evidence_probe": "its prior and shrinkage follow from the pairs",
        "original": mlp,
        "repeat": mlp,
        "lens": f"{vae}, latent noise {SYNTHESIS_SETTINGS['noise_variance']:g}; {mlp}",
        "lens_plus": "the evidence probe, and networks as far as left-out prompts speak for them",
    }.get(recipe.method, f"those of the default config; {mlp}")


def as_json(advice: Advice) -> dict:
    """All of it as JSON values; accuracies and differences are shares, not percent."""
    return {
        "pairs": advice.pairs,
        "prompts": advice.prompts,
        "trained_on": advice.trained_on,
        "rounds": advice.rounds,
        "seconds": round(advice.seconds, 1),
        "accuracy": [_recipe(recipe) | vars(value) for recipe, value in advice.accuracy.items()],
        "comparisons": [
            _recipe(each.recipe)
            | {
                "control": _recipe(each.control),
                "difference": vars(each.difference),
                "corrected": vars(each.corrected),
            }
            for each in advice.comparisons
        ],
        "recommended": _recipe(advice.recommended),
        "augmentation_recommended": advice.recommended.synthetic,
        "learning_curve": {
            "recipe": _recipe(advice.curve.recipe),
            "measured": _sized(advice.curve.sizes, advice.curve.measured),
            "predicted": _sized(advice.curve.ahead, advice.curve.predicted),
        },
        "flags": advice.flags,
        "data": advice.report,
    }


def _recipe(recipe: Recipe) -> dict:
    return {"method": recipe.method, "scale": recipe.scale}


def _sized(sizes: np.ndarray, values: list[Interval]) -> list[dict]:
    return [{"pairs": int(size)} | vars(value) for size, value in zip(sizes, values, strict=True)]


def draw(advice: Advice):
    """Accuracies with intervals on the left, the learning curve on the right."""
    from lens.report import figures

    fig, axes = figures.figure(1, 2, height=2.6)
    left, right = axes[0]
    rows = sorted(advice.accuracy.items(), key=lambda item: item[1].mean)
    for place, (recipe, value) in enumerate(rows):
        look = figures.line_style(*METHODS[recipe.method].look)
        left.errorbar(
            100 * value.mean,
            place,
            xerr=[[100 * (value.mean - value.low)], [100 * (value.high - value.mean)]],
            color=look["color"],
            marker=look["marker"],
        )
    labels = [f"{recipe}" + " *" * (recipe == advice.recommended) for recipe, _ in rows]
    left.set_yticks(range(len(rows)), labels=labels)
    left.axvline(50, color="#999999", linestyle=":", linewidth=0.8)
    left.set_xlabel("held-out accuracy, %")
    left.set_title(f"{advice.pairs:,} pairs (* recommended)")
    curve = advice.curve
    look = figures.line_style(*METHODS[curve.recipe.method].look)
    for sizes, values, filled in (
        (curve.sizes, curve.measured, True),
        (curve.ahead, curve.predicted, False),
    ):
        mean = np.array([100 * value.mean for value in values])
        right.errorbar(
            sizes,
            mean,
            yerr=[
                mean - [100 * value.low for value in values],
                [100 * value.high for value in values] - mean,
            ],
            color=look["color"],
            linestyle="-" if filled else ":",
            marker=look["marker"],
            markerfacecolor=look["color"] if filled else "white",
        )
    right.set_xscale("log")
    figures.plain_sizes(right, [*curve.sizes, *curve.ahead])
    right.axhline(50, color="#999999", linestyle=":", linewidth=0.8)
    right.minorticks_off()
    right.set_xlabel("labelled pairs (hollow: extrapolated)")
    right.set_ylabel("held-out accuracy, %")
    right.set_title(f"{curve.recipe}: more labels")
    return fig
