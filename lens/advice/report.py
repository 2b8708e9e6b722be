"""An advice as JSON and as a picture."""

from typing import TYPE_CHECKING

import numpy as np

from lens.advice.result import Advice, Comparison, percent
from lens.core.intervals import Interval
from lens.reward.methods import METHODS
from lens.reward.recipes import Recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def as_json(advice: Advice) -> dict:
    """All of it as JSON values; accuracies and differences are shares, not percent."""
    return {
        "pairs": advice.pairs,
        "prompts": advice.prompts,
        "trained_on": advice.trained_on,
        "rounds": advice.rounds,
        "seconds": round(advice.seconds, 1),
        **({"stopped": advice.stopped} if advice.stopped else {}),
        "accuracy": [
            recipe.as_dict() | vars(value) | _explained(advice, recipe)
            for recipe, value in advice.accuracy.items()
        ],
        "comparisons": [
            _comparison(comparison) | _explained(advice, comparison.recipe)
            for comparison in advice.comparisons
        ],
        **(
            {"soft_labels": [_comparison(comparison) for comparison in advice.soft]}
            if advice.soft
            else {}
        ),
        "recommended": advice.recommended.as_dict(),
        **({"expected_accuracy": vars(advice.expected)} if advice.expected else {}),
        "parts": [part.as_dict() for part in advice.parts],
        **({"without_control": advice.without_control.as_dict()} if advice.without_control else {}),
        "augmentation_recommended": advice.recommended.synthetic,
        "learning_curve": {
            "recipe": advice.curve.recipe.as_dict(),
            "measured": _sized(advice.curve.sizes, advice.curve.measured),
            "predicted": _sized(advice.curve.ahead, advice.curve.predicted),
        },
        **({"baseline": advice.baseline.as_dict()} if advice.baseline else {}),
        **({"choice": advice.choice.as_dict()} if advice.choice else {}),
        "flags": advice.flags,
        "data": advice.report,
    }


def _explained(advice: Advice, recipe: Recipe) -> dict:
    """The share of held-out variance that the recipe's VAEs explain, if it has any."""
    share = advice.explained.get(recipe)
    return {} if share is None else {"vae_variance_explained": share}


def _comparison(comparison: Comparison) -> dict:
    return comparison.recipe.as_dict() | {
        "control": comparison.control.as_dict(),
        "difference": vars(comparison.difference),
        "corrected": vars(comparison.corrected),
    }


def _sized(sizes: np.ndarray, values: list[Interval]) -> list[dict]:
    return [{"pairs": int(size)} | vars(value) for size, value in zip(sizes, values, strict=True)]


def draw(advice: Advice) -> "Figure":
    """Accuracies with intervals on the left, the learning curve on the right."""
    from lens.report import figures

    fig, axes = figures.figure(1, 2, height=2.6)
    left, right = axes[0]
    rows = sorted(advice.accuracy.items(), key=lambda item: item[1].mean)
    for height, (recipe, value) in enumerate(rows):
        look = figures.line_style(*METHODS[recipe.method].look)
        left.errorbar(
            100 * value.mean,
            height,
            xerr=[[100 * (value.mean - value.low)], [100 * (value.high - value.mean)]],
            color=look["color"],
            marker=look["marker"],
        )
    shares = {recipe: f" (VAE: {percent(share)})" for recipe, share in advice.explained.items()}
    labels = [
        f"{recipe}{shares.get(recipe, '')}{' *' * (recipe == advice.recommended)}"
        for recipe, _ in rows
    ]
    left.set_yticks(range(len(rows)), labels=labels)
    left.axvline(50, color="#999999", linestyle=":", linewidth=0.8)
    left.set_xlabel(
        "held-out accuracy, %" + " (VAE: held-out variance that it explains)" * bool(shares)
    )
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
    right.set_xlabel("pairs (hollow: extrapolated)")
    right.set_ylabel("held-out accuracy, %")
    right.set_title(f"{curve.recipe}: more labels")
    return fig
