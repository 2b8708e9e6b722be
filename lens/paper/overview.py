"""The first page of the report: what was run, what helped, what did not, what it cost."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lens.core.errors import LensError
from lens.paper import costs, flags
from lens.paper.method_names import line_look, method_name
from lens.report import figures
from lens.report.measured import LEVEL, shown
from lens.report.pages import Section

PANEL = ["dataset", "model", "n_pairs"]
HELPED, HURT, UNDECIDED = "above", "below", "no detectable difference"
VERDICTS = ("agrees", "differs", "undecided", "not comparable")
RESULTS = {
    HELPED: "above it",
    HURT: "below it",
    UNDECIDED: "without a detectable difference",
}
TO_PAPER = "Comparison with the paper"
PICTURE = (
    "Gold reward of each method minus its control, at the method's largest scale, with 95 % "
    "intervals. Right of the line: better than the control. Filled: significant after Holm's "
    "correction; hollow: not. In brackets: the share of held-out variance that LENS's VAE explains."
)


def judged(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of gold reward with a verdict: above or below the control if the corrected
    p-value is below 5 % (intervals are not corrected), else no detectable difference."""
    gold = comparisons[comparisons["measure"] == "gold"].reset_index(drop=True)
    significant = gold["corrected_p_value"] < LEVEL
    direction = np.where(gold["difference"] > 0, HELPED, HURT)
    return gold.assign(verdict=np.where(significant, direction, UNDECIDED))


def picture_rows(gold: pd.DataFrame) -> pd.DataFrame:
    """Each method at its largest scale, best first, per dataset, model and N; LensError if no
    method has a control."""
    if gold.empty:
        raise LensError(
            "table_1_comparisons.csv has no comparison of gold reward, so there is nothing to "
            "show. Add a method to original and repeat, or remove overview from `artefacts`."
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
        "vae_variance_explained",
    ]
    return pd.concat(blocks, ignore_index=True)[columns]


def draw(rows: pd.DataFrame) -> Figure:
    """One panel per dataset, model and N: ordered differences, and a line at 0."""
    panels = list(rows.groupby(PANEL, sort=False))
    longest = max(len(panel) for _, panel in panels)
    fig, axes = figures.figure(len(panels), 1, height=0.6 + 0.16 * longest)
    for axis, ((dataset, model, n_pairs), panel) in zip(axes.flat, panels, strict=True):
        heights = range(len(panel))[::-1]
        for height, row in zip(heights, panel.itertuples(), strict=True):
            look = line_look(row.method)
            axis.errorbar(
                row.difference,
                height,
                xerr=[[end] for end in figures.bars(row.low, row.difference, row.high)],
                color=look["color"],
                marker=look["marker"],
                markerfacecolor="white" if row.verdict == UNDECIDED else look["color"],
                markersize=5,
                elinewidth=1.0,
            )
        axis.axvline(0, color="black", linewidth=0.8, zorder=0)
        names = [
            f"{method_name(row.method)} {row.scale}x{_explained(row)}" for row in panel.itertuples()
        ]
        axis.set_yticks(list(heights), labels=names)
        axis.set_ylim(-0.7, len(panel) - 0.3)
        axis.grid(axis="y", visible=False)
        axis.set_title(f"{dataset}, {model}, N = {n_pairs:,}", parse_math=False)
        axis.set_xlabel("gold reward minus the control's")
    return fig


def _explained(row: Any) -> str:
    """What the row's VAE explains, in brackets; empty without a VAE."""
    share = row.vae_variance_explained
    return "" if share != share else f" (VAE explains {100 * share:.1f} %)"


def sections(
    table: pd.DataFrame,
    seeds: int,
    gold: pd.DataFrame,
    claims: pd.DataFrame,
    jobs: pd.DataFrame,
    raised: tuple[pd.DataFrame, int],
    paper_names: Mapping[str, str],
    comparable: bool,
    gold_accuracy: str = "",
) -> list[Section]:
    """The page's sections, all of plain text; `raised` is from `flags.gather`, `gold_accuracy` a
    sentence about the gold model, or empty."""
    return [
        _result(table, seeds, gold, gold_accuracy),
        _what_helped(gold),
        _what_did_not(gold),
        _what_was_run(table, paper_names, comparable),
        flags.section(*raised),
        _what_it_cost(jobs),
        _against_the_paper(claims),
    ]


def _result(table: pd.DataFrame, seeds: int, gold: pd.DataFrame, gold_accuracy: str) -> Section:
    """The answer in at most 150 words, then the picture."""
    sizes = _listed([f"{size:,}" for size in sorted(table["n_pairs"].unique())])
    counts = gold["verdict"].value_counts()
    parts = [f"{counts.get(verdict, 0)} {text}" for verdict, text in RESULTS.items()]
    return Section(
        "Result",
        [
            f"We trained reward models on N = {sizes} labelled pairs, with {seeds} seeds. Each "
            "model picks the best of several candidate answers; a gold model, which is used for "
            f"nothing else, scores the picks. {gold_accuracy}".strip(),
            "The control of a method at scale k is the same reward model, trained on the original "
            "pairs repeated k times. So a gain over the control comes from the new pairs, not "
            "from more training steps.",
            f"In {_comparisons(len(gold))} with the control: {_listed(parts)}.",
        ],
        picture=PICTURE,
    )


def _what_was_run(table: pd.DataFrame, paper_names: Mapping[str, str], comparable: bool) -> Section:
    scales = _listed([f"{k}x" for k in sorted(table["scale"].unique()) if k > 1])
    named = {
        column: _listed(
            [
                f"{name} (stands for the paper's {paper_names[name]})"
                if paper_names.get(name)
                else str(name)
                for name in table[column].unique()
            ]
        )
        for column in ("dataset", "model")
    }
    methods = _listed([method_name(method) for method in table["method"].unique()])
    augmented = f" Scales: {scales}." if scales else ""
    paper = (
        "The gold model is the paper's, so the paper's numbers are compared in size for its "
        "datasets, models and N."
        if comparable
        else "Data, models or gold model are not the paper's, so its claims are compared in "
        "direction only."
    )
    return Section(
        "What was run",
        [
            f"Data: {named['dataset']}. Models: {named['model']}. Methods: {methods}.{augmented} "
            "At 1x the control is the reward model on the original pairs.",
            paper,
        ],
    )


def _what_helped(gold: pd.DataFrame) -> Section:
    helped = gold[gold["verdict"] == HELPED]
    if helped.empty:
        text = f"Nothing: no method is above its control in {_comparisons(len(gold))}."
    else:
        verb = "is" if len(helped) == 1 else "are"
        text = f"Of {_comparisons(len(gold))}, {len(helped)} {verb} above the control:"
    return Section("What helped", [text], _by_method(helped))


def _what_did_not(gold: pd.DataFrame) -> Section:
    hurt, undecided = gold[gold["verdict"] == HURT], gold[gold["verdict"] == UNDECIDED]
    helped = set(gold.loc[gold["verdict"] == HELPED, "method"])
    never = [m for m in gold["method"].unique() if m not in helped]
    texts = []
    if never:
        names = _listed([method_name(method) for method in never])
        texts.append(f"Never above the control: {names}.")
    if len(undecided):
        texts.append(
            f"No detectable difference from the control: {len(undecided)} of "
            f"{_comparisons(len(gold))}. A difference may still exist; the intervals in the "
            "picture show how large it can be."
        )
    if len(hurt):
        texts.append(f"Below the control: {len(hurt)} of {_comparisons(len(gold))}:")
    if not texts:
        texts.append("Every method is above its control.")
    return Section("What did not help", texts, _by_method(hurt))


def _comparisons(count: int) -> str:
    if count == 1:
        return "1 comparison of gold reward"
    return f"{count} comparisons of gold reward (Holm's correction, 5 %)"


def _by_method(rows: pd.DataFrame) -> list[str]:
    points = []
    for method, part in rows.groupby("method", sort=False):
        several = part["n_pairs"].nunique() > 1 or part["model"].nunique() > 1
        differences = [
            f"{row.dataset}{f', {row.model}, N = {row.n_pairs:,}' if several else ''}, "
            f"{row.scale}x {shown(row, 2, 'difference', sign=True)}{_explained(row)}"
            for row in part.itertuples()
        ]
        points.append(f"{method_name(method)}: {'; '.join(differences)}")
    return points


def _what_it_cost(jobs: pd.DataFrame) -> Section:
    if jobs.empty:
        return Section("What it cost", ["No stage of this run recorded its cost."])
    devices = ", ".join(f"{name} ({n:,} jobs)" for name, n in costs.devices(jobs).items())
    table = (costs.HEADER, costs.printed(jobs))
    return Section("What it cost", [f"Devices: {devices}. {costs.NOTE}"], table=table)


def _against_the_paper(claims: pd.DataFrame) -> Section:
    if claims.empty:
        return Section(TO_PAPER, ["The paper has no numbers for the artefacts of this run."])
    texts = [
        f"{words}: {_counted(claims[claims['kind'] == kind])}."
        for kind, words in (
            ("claim", "Claims that one value is above another (some are in several artefacts)"),
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
    return Section(TO_PAPER, texts, points)


def _counted(claims: pd.DataFrame) -> str:
    counts = claims["verdict"].value_counts()
    parts = [f"{verdict} {counts[verdict]}" for verdict in VERDICTS if counts.get(verdict, 0)]
    return f"{', '.join(parts)}, of {len(claims)}"


def _listed(names: Iterable[object]) -> str:
    """ "a", "a and b", "a, b and c"; with semicolons where a name has a comma."""
    texts = list(map(str, names))
    comma = "; " if any("," in text for text in texts) else ", "
    return " and ".join([comma.join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
