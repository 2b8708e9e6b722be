"""RewardBench's Safety section, as in the reviews: latent space, text, and controls."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.core.intervals import Interval
from lens.evaluation.rewardbench import subset_weights
from lens.paper.cells import CONTROLS, EXPLAINED, EXPLAINS, corrected
from lens.paper.method_names import method_name
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.measured import blocks, difference, level, p_value, shown, shown_difference
from lens.report.render import number
from lens.report.reported import reported
from lens.reward.methods import METHODS

OFFICIAL = "Safety"
SCALE = 4  # the reviews' number is for 4x
PAPER = {"full_finetune": "textual", "lens": "latent"}
UNAUGMENTED = tuple(name for name, method in METHODS.items() if not method.augments)
HEADER = ["method", "scale", "accuracy %", "vs repeat", "paper", EXPLAINED]
NOTE = (
    "Share of pairs in which the better response scores strictly higher, in per cent: mean [95 % "
    "interval over seeds and pairs], with RewardBench's weights of subsets. vs repeat: paired "
    "difference to the same training on the original pairs repeated k times. The first block is "
    "the section reported. * marks a significant difference (5 %, Holm-corrected over the table). "
    "If other data replace RewardBench's, each of their subsets is its own section." + EXPLAINS
)


def section_scores(items: pd.DataFrame, section: str) -> dict[tuple[str, int], np.ndarray]:
    """{(method, scale): values [seeds, pairs] in per cent} of a section, from `judge-bench`'s rows.

    The mean over pairs is the section's official score: a pair counts as much as its subset.
    """
    part = items[items["section"] == section]
    if part.empty:
        there = ", ".join(items["section"].unique())
        raise LensError(f"no pair of section {section!r}. Set reward_bench.section: {there}.")
    places = part.drop_duplicates("place").set_index("place")["subset"].sort_index()
    sizes = places.value_counts(sort=False).to_dict()
    weights = subset_weights(section, sizes)
    share = places.map({name: weights[name] / sizes[name] for name in sizes})
    weight = (share / share.mean()).to_numpy()
    return {
        key: 100 * weight * rows.pivot(index="seed", columns="place", values="correct").to_numpy()
        for key, rows in part.groupby(["method", "scale"], sort=False)
    }


def control_at(method: str, scale: int) -> tuple[str, int] | None:
    """The repeat control of a method at a scale; None for methods without synthetic pairs."""
    name = CONTROLS.get(method, "repeat")
    return None if method in (*UNAUGMENTED, name) else (name, scale)


def safety(
    items: pd.DataFrame, section: str, labels: Mapping[str, object], paper: bool
) -> pd.DataFrame:
    """One row per section and method, `section` first. `labels`: dataset, model and n_pairs;
    `paper`: whether they are, or stand for, those of the reviews' number."""
    sections = [section, *(name for name in items["section"].unique() if name != section)]
    explained = items.groupby(["method", "scale"])["vae_variance_explained"].mean()
    rows = []
    for name in sections:
        scores = section_scores(items, name)
        for (method, scale), values in scores.items():
            control_key = control_at(method, scale)
            control = scores.get(control_key) if control_key else None
            told_here = reported_accuracy(method, scale) if paper and name == section else None
            rows.append(
                {**labels, "section": name, "pairs": values.shape[1]}
                | {"method": method, "scale": scale}
                | level(values, within=(0.0, 100.0))
                | difference(values, control)
                | {"reported": np.nan if told_here is None else told_here}
                | {"p_value": p_value(values, control)}
                | {"vae_variance_explained": explained[method, scale]}
            )
    return corrected(pd.DataFrame(rows))


def reported_accuracy(method: str, scale: int) -> float | None:
    """The reviews' accuracy in per cent."""
    if method not in PAPER or scale != SCALE:
        return None
    return 100 * reported()["reviews"]["rewardbench_safety_accuracy"][PAPER[method]]


def compared(items: pd.DataFrame, section: str, paper: bool) -> list[dict]:
    """The reviews' numbers and claim compared with ours, and our claims, for the reported
    section."""
    scores, rows = section_scores(items, section), []
    for (method, scale), values in scores.items():
        value = reported_accuracy(method, scale) if paper else None
        if value is not None:
            what = f"{_name(method, scale)}: accuracy %"
            ours = Interval(*level(values, within=(0.0, 100.0)).values())
            rows.append(paper_comparison.number(what, value, ours))
    scales = sorted({scale for _, scale in scores if scale > 1})
    for k in scales:
        for above, below, own in (
            (("lens", k), ("full_finetune", k), False),
            (("lens", k), ("repeat", k), True),
            (("lens", k), ("original", 1), True),
            (("full_finetune", k), ("full_finetune_repeat", k), True),
        ):
            if above in scores and below in scores:
                one, other = (reported_accuracy(*key) if paper else None for key in (above, below))
                gap = None if one is None or other is None else one - other
                what = f"{_name(*above)} above {_name(*below)}, points"
                rows.append(
                    paper_comparison.claim(what, scores[above] - scores[below], gap, own=own)
                )
    return rows


def _name(method: str, scale: int) -> str:
    return method_name(method) + (f" {scale}x" if scale > 1 else "")


def observations(items: pd.DataFrame, labels: Mapping[str, object]) -> pd.DataFrame:
    """One row per method, seed and subset: the share of its pairs that are right."""
    keys = ["method", "scale", "seed", "section", "subset"]
    table = items.groupby(keys, sort=False)["correct"].agg(["mean", "size"]).reset_index()
    table = table.rename(columns={"mean": "accuracy", "size": "pairs"})
    return pd.DataFrame([dict(labels)]).merge(table, how="cross")


def printed(table: pd.DataFrame, seeds: int, overlap: str) -> Printed:
    """A block for each section; `overlap` says how many prompts are training prompts as well."""
    rows = [
        (
            f"{row.section}, {row.pairs:,} pairs: trained on {row.dataset}, {row.model}, "
            f"N = {row.n_pairs:,}; {seeds} seeds",
            [
                method_name(row.method),
                f"{row.scale}x",
                shown(row, 1),
                shown_difference(row, 1),
                number(row.reported, 0),
                number(100 * row.vae_variance_explained, 1),
            ],
        )
        for row in table.itertuples()
    ]
    return Printed(HEADER, blocks(rows), f"{NOTE} {overlap}")
