"""The first page of the report: what was run, what helped, what did not, what it cost."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lens.core.errors import LensError
from lens.paper import costs, flags
from lens.paper.method_names import look_of, method_name
from lens.report import figures
from lens.report.measured import LEVEL, shown
from lens.report.pages import Section

PANEL = ["dataset", "model", "n_pairs"]
HELPED, HURT, UNTOLD = "above", "below", "not told apart"
VERDICTS = ("agrees", "differs", "undecided", "not comparable")
PICTURE = (
    "Gold reward of the pick, less that of the control at the same scale: each method at its "
    "largest scale, paired difference with its 95 % interval. Right of the line is better than the "
    "control. Filled: told from 0 after Holm's correction; hollow: not."
)


def judged(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of gold reward, each above, below or not told apart from its control.

    Told means a corrected p-value below 5 %: the interval alone is not corrected.
    """
    gold = comparisons[comparisons["measure"] == "gold"].reset_index(drop=True)
    told = gold["corrected_p_value"] < LEVEL
    sided = np.where(gold["difference"] > 0, HELPED, HURT)
    return gold.assign(verdict=np.where(told, sided, UNTOLD))


def picture_rows(gold: pd.DataFrame) -> pd.DataFrame:
    """Each method at its largest scale, best first, a block for each dataset, model and N.

    LensError where nothing has a control.
    """
    if gold.empty:
        raise LensError(
            "table_1_comparisons.csv has no comparison of gold reward, so there is nothing to "
            "show. Compare a method beside original and repeat, or take overview out of artefacts."
        )
    blocks = []
    for _, panel in gold.groupby(PANEL, sort=False):
        largest = panel.loc[panel.groupby("method")["scale"].idxmax()]
        blocks.append(largest.sort_values("difference", ascending=False, kind="stable"))
    columns = [
        *PANEL,
        "method",
        "scale",
        "difference",
        "low",
        "high",
        "corrected_p_value",
        "verdict",
    ]
    return pd.concat(blocks, ignore_index=True)[columns]


def draw(rows: pd.DataFrame) -> Figure:
    """A panel for each dataset, model and N: differences in order, a line at none."""
    panels = list(rows.groupby(PANEL, sort=False))
    longest = max(len(panel) for _, panel in panels)
    fig, axes = figures.figure(len(panels), 1, height=0.6 + 0.16 * longest)
    for axis, ((dataset, model, n_pairs), panel) in zip(axes.flat, panels, strict=True):
        places = range(len(panel))[::-1]
        for place, row in zip(places, panel.itertuples(), strict=True):
            look = look_of(row.method)
            axis.errorbar(
                row.difference,
                place,
                xerr=[[end] for end in figures.bars(row.low, row.difference, row.high)],
                color=look["color"],
                marker=look["marker"],
                markerfacecolor="white" if row.verdict == UNTOLD else look["color"],
                markersize=5,
                elinewidth=1.0,
            )
        axis.axvline(0, color="black", linewidth=0.8, zorder=0)
        axis.set_yticks(list(places), labels=[_place(row) for row in panel.itertuples()])
        axis.set_ylim(-0.7, len(panel) - 0.3)
        axis.grid(axis="y", visible=False)
        axis.set_title(f"{dataset}, {model}, N = {n_pairs:,}", parse_math=False)
        axis.set_xlabel("gold reward, less that of the control")
    return fig


def _place(row: Any) -> str:
    return f"{method_name(row.method)} {row.scale}x"


def sections(
    table: pd.DataFrame,
    seeds: int,
    gold: pd.DataFrame,
    claims: pd.DataFrame,
    jobs: pd.DataFrame,
    raised: tuple[pd.DataFrame, int],
    paper_names: Mapping[str, str],
    comparable: bool,
) -> list[Section]:
    """The page's words, all of them plain text; `raised` is from `flags.gather`."""
    return [
        _what_was_run(table, seeds, paper_names, comparable),
        _what_helped(gold),
        _what_did_not(gold),
        flags.section(*raised),
        _what_it_cost(jobs),
        _against_the_paper(claims),
    ]


def _what_was_run(
    table: pd.DataFrame, seeds: int, paper_names: Mapping[str, str], comparable: bool
) -> Section:
    sizes = _listed([f"{size:,}" for size in sorted(table["n_pairs"].unique())])
    scales = _listed([f"{k}x" for k in sorted(table["scale"].unique()) if k > 1])
    named = {
        column: _listed(
            [
                f"{name} (in the place of the paper's {paper_names[name]})"
                if paper_names.get(name)
                else str(name)
                for name in table[column].unique()
            ]
        )
        for column in ("dataset", "model")
    }
    methods = _listed([method_name(method) for method in table["method"].unique()])
    augmented = f" Pairs were augmented to {scales}." if scales else ""
    world = (
        "The gold model is the paper's: its numbers are compared in size where dataset, model and "
        "N bear its names."
        if comparable
        else "Data, models or gold model are not the paper's: its claims are compared in "
        "direction, its numbers not in size."
    )
    return Section(
        "What was run",
        [
            f"Reward models from N = {sizes} labelled pairs of {named['dataset']}, with "
            f"{named['model']}, at {seeds} seeds. Each picks the best of a prompt's candidates; "
            f"a gold model, which trains nothing, scores the pick.{augmented} {world}",
            f"Compared: {methods}.",
            "The control of a method at scale k is the same reward model trained on the original "
            "pairs repeated k times, so on as many pairs an epoch; at 1x it is the reward model on "
            "the original pairs. A gain over the control is a gain by what the new pairs say, not "
            "by longer training.",
        ],
    )


def _what_helped(gold: pd.DataFrame) -> Section:
    helped = gold[gold["verdict"] == HELPED]
    if helped.empty:
        text = f"Nothing: none of {_comparisons(len(gold))} told its method above its control."
    else:
        verb = "is" if len(helped) == 1 else "are"
        text = f"Of {_comparisons(len(gold))}, {len(helped)} {verb} above the control:"
    return Section("What helped against its control", [text], _by_method(helped), picture=PICTURE)


def _what_did_not(gold: pd.DataFrame) -> Section:
    hurt, untold = gold[gold["verdict"] == HURT], gold[gold["verdict"] == UNTOLD]
    helped = set(gold.loc[gold["verdict"] == HELPED, "method"])
    never = [m for m in gold["method"].unique() if m not in helped]
    texts = []
    if never:
        names = _listed([method_name(method) for method in never])
        texts.append(f"Above the control nowhere: {names}.")
    if len(untold):
        texts.append(
            f"Not told apart from the control: {len(untold)} of {_comparisons(len(gold))}. That is "
            "no proof of no difference; the intervals in the picture say how large it may be."
        )
    if len(hurt):
        texts.append(f"Below the control: {len(hurt)} of {_comparisons(len(gold))}:")
    if not texts:
        texts.append("Everything that has a control is above it.")
    return Section("What did not", texts, _by_method(hurt))


def _comparisons(count: int) -> str:
    if count == 1:
        return "1 comparison of gold reward"
    return f"{count} comparisons of gold reward (Holm's correction, 5 %)"


def _by_method(rows: pd.DataFrame) -> list[str]:
    points = []
    for method, found in rows.groupby("method", sort=False):
        several = found["n_pairs"].nunique() > 1 or found["model"].nunique() > 1
        places = [
            f"{row.dataset}{f', {row.model}, N = {row.n_pairs:,}' if several else ''}, "
            f"{row.scale}x {shown(row, 2, 'difference', sign=True)}"
            for row in found.itertuples()
        ]
        points.append(f"{method_name(method)}: {'; '.join(places)}")
    return points


def _what_it_cost(jobs: pd.DataFrame) -> Section:
    if jobs.empty:
        return Section("What it cost", ["No stage of this run has left a record of its cost."])
    devices = ", ".join(f"{name} ({n:,} jobs)" for name, n in costs.devices(jobs).items())
    table = (costs.HEADER, costs.printed(jobs))
    return Section("What it cost", [f"Ran on {devices}. {costs.NOTE}"], table=table)


def _against_the_paper(claims: pd.DataFrame) -> Section:
    if claims.empty:
        return Section("Against the paper", ["No artefact of this run has numbers of the paper."])
    texts = [
        f"{words}: {_counted(claims[claims['kind'] == kind])}."
        for kind, words in (
            ("claim", "Claims that one thing is above another (some stand in several artefacts)"),
            ("ratio", "Ratios of times and sizes, measured once"),
            ("number", "Numbers"),
        )
        if (claims["kind"] == kind).any()
    ]
    differ = claims[claims["verdict"] == "differs"]
    if len(differ):
        texts.append("Where ours differ:")
    points = [
        f"{row.artefact.replace('_', ' ').capitalize()}, {row.what}: ours "
        f"{shown(row, 2, 'ours', sign=row.kind == 'claim')}, {row.why}"
        for row in differ.itertuples()
    ]
    return Section("Against the paper", texts, points)


def _counted(claims: pd.DataFrame) -> str:
    counts = claims["verdict"].value_counts()
    found = [f"{verdict} {counts[verdict]}" for verdict in VERDICTS if counts.get(verdict, 0)]
    return f"{', '.join(found)}, of {len(claims)}"


def _listed(names: Iterable[object]) -> str:
    """ "a", "a and b", "a, b and c"."""
    texts = list(map(str, names))
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
