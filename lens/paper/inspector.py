"""The inspector: where synthetic embeddings are among real ones; table, examples, picture."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lens.core.intervals import crossed_interval
from lens.evaluation.synthetic_geometry import FAR, pair_gaps
from lens.latent.vae import SIDES
from lens.paper.method_names import line_look, method_name
from lens.report import figures, paper_comparison
from lens.report.examples import Example, conversation, excerpt
from lens.report.files import Printed
from lens.report.measured import level, shown
from lens.report.render import number
from lens.report.reported import is_paper_setting, reported
from lens.reward.head import pair_accuracy

HELD_OUT = "held_out"
MEASURES = {
    "moved": ("distance moved from its original", 2),
    "nearest_distance": ("distance to the nearest training response", 2),
    "nearest_is_own": ("nearest is its own original, %", 1),
    "nearest_same_side": ("nearest is of the same side, %", 1),
    "different_nearest": ("training responses that are nearest to one of them", 0),
    "far": ("far from the data, %", 1),
    "labelled_order": ("pairs in labelled order, %", 1),
    "order_kept": ("pairs whose reward order held, %", 1),
    "gap_before": ("reward gap of the original pairs", 2),
    "gap_after": ("reward gap", 2),
    "rms_distance": ("spread, of the training responses'", 2),
    "participation_ratio": ("directions they vary in, of the training responses'", 2),
}
SHARES = ("nearest_is_own", "nearest_same_side", "far", "labelled_order", "order_kept")
NOTE = (
    "Mean [95 % interval over pairs]. Distances are Euclidean, between embeddings standardised "
    "by the training pairs. Held out: real responses of the test pairs, which show how near a "
    "new response is. Far from the data: the nearest training response is further away than for "
    f"{100 * FAR:.0f} % of the training responses. A synthetic pair is the synthetic chosen with "
    "the synthetic rejected response of the same number. Its reward gap is that of a reference "
    "reward trained on all labelled pairs, and its order held if the gap kept its sign. Spread: "
    "root mean square distance between two embeddings; near 0 all of them are in the middle of "
    "the data, where none counts as far. Directions: (trace C)^2 / trace C^2 of their "
    "covariance. A Gaussian sample has no original: it is compared with the response that it "
    "replaces."
)


def observations(embeddings: pd.DataFrame, far: float) -> pd.DataFrame:
    """One row per embedding of `lens inspect-synthetic`: whether its nearest training response is
    further than `far`, and, for synthetic ones, whether the pair's order held."""
    table = embeddings.assign(far=embeddings["nearest_distance"] > far)
    gaps = pd.concat([_gaps(part).assign(method=m) for m, part in _by_method(table)])
    kept = gaps[["method", "id", "variant", "order_kept"]]
    return table.merge(kept, on=["method", "id", "variant"], how="left")


def _by_method(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(name, part) for name, part in table.groupby("method", sort=False) if name != HELD_OUT]


def _gaps(part: pd.DataFrame) -> pd.DataFrame:
    names = {"row": "id"}
    return pair_gaps(part.rename(columns={"id": "row"})).rename(columns=names)


def by_pair(part: pd.DataFrame) -> pd.DataFrame:
    """The measures of one method per pair, averaged over sides and variants; NaN if undefined."""
    measured = [name for name in MEASURES if name in part]
    measures = part[measured].astype("float64").groupby(part["id"], sort=False).mean()
    wide = part.pivot(index=["id", "variant"], columns="side", values="reward")
    sides = [wide[side].to_numpy() for side in SIDES]
    pairs = pd.DataFrame(
        {"gap_after": sides[0] - sides[1], "labelled_order": pair_accuracy(*sides)},
        index=wide.index.get_level_values("id"),
    )
    if part["reward_before"].notna().all():
        pairs["gap_before"] = _gaps(part).set_index(["id", "variant"])["gap_before"].to_numpy()
    return measures.join(pairs.groupby(level=0).mean())


def summary(geometry: pd.DataFrame, metrics: dict) -> pd.DataFrame:
    """One row per method and measure with its 95 % interval over pairs (none for diversity); shares
    are from 0 to 1."""
    rows = []
    for method, part in geometry.groupby("method", sort=False):
        pairs = by_pair(part)
        for measure in MEASURES:
            row = {"method": method, "measure": measure, "pairs": len(pairs)}
            if measure in pairs and pairs[measure].notna().all():
                within = (0, 1) if measure in SHARES else (-np.inf, np.inf)
                rows.append(row | level(pairs[measure].to_numpy()[None], within=within))
                continue
            value = np.nan
            if measure in metrics["spread"][method]:
                ratio = metrics["spread"][method][measure]
                value = ratio / metrics["spread_of_training"][measure]
            elif measure == "different_nearest":
                value = len(part.drop_duplicates(["nearest_id", "nearest_side"]))
            rows.append(row | level(None) | {"mean": value})
    return pd.DataFrame(rows)


def compared(geometry: pd.DataFrame, settings: dict, names: dict, comparable: bool) -> pd.DataFrame:
    """The paper's numbers of B.5.4 next to those of LENS."""
    paper, pairs = reported()["theory"], by_pair(geometry[geometry["method"] == "lens"])
    kept, before, after = (
        pairs[name].to_numpy()[None] for name in ("order_kept", "gap_before", "gap_after")
    )
    numbers = (
        ("share of pairs whose reward order held", "order_preserved", kept),
        ("reward gap of the original pairs", "reward_gap_original", before),
        ("reward gap of the synthetic pairs", "reward_gap_synthetic", after),
    )
    rows = [
        paper_comparison.number(what, paper[name], crossed_interval(values))
        for what, name, values in numbers
    ]
    rows += [
        paper_comparison.claim(
            "order held in more pairs than not", kept - 0.5, paper["order_preserved"] - 0.5
        ),
        paper_comparison.claim(
            "reward gap of the synthetic pairs above 0", after, paper["reward_gap_synthetic"]
        ),
    ]
    comparable = comparable and is_paper_setting(names, settings["dataset"], settings["model"])
    return paper_comparison.verdicts("inspector", rows, comparable=comparable)


def printed(table: pd.DataFrame, settings: dict, metrics: dict) -> Printed:
    """A table with one row per measure and one column per method."""
    methods = list(table["method"].drop_duplicates())
    cells = {(row.measure, row.method): row for row in table.itertuples()}
    rows = [
        [words, *(_cell(cells[measure, method], digits) for method in methods)]
        for measure, (words, digits) in MEASURES.items()
    ]
    title = (
        f"{settings['dataset']}, {settings['model']}, N = {settings['n_pairs']:,}, "
        f"{settings['scale']}x, seed {settings['seed']}: {metrics['training_responses']:,} "
        f"training responses, nearest other one at {metrics['spacing_median']:.2f} (median), "
        f"{metrics['spacing_far']:.2f} ({100 * FAR:.0f} %)"
    )
    return Printed(["measure", *map(name_of, methods)], [(title, rows)], NOTE)


def _cell(row: Any, digits: int) -> str:
    factor = 100 if row.measure in SHARES else 1
    if np.isnan(row.low):
        return number(row.mean * factor, digits)
    return shown(row, digits, factor=factor)


def name_of(method: str) -> str:
    return "Held out (real)" if method == HELD_OUT else method_name(method)


def examples(pairs: list[dict]) -> list[Example]:
    """Examples from the pairs that `lens inspect-synthetic` picked by rule."""
    return [_example(one) for one in pairs]


def _example(one: dict) -> Example:
    texts = [("Prompt", excerpt(conversation(one["prompt"])))]
    for seen in one["sides"]:
        label = (
            f"Original {seen['side']} response; its synthetic embedding is at distance "
            f"{seen['moved']:.2f}; reward {seen['reward_before']:.2f} before, "
            f"{seen['reward_after']:.2f} after"
        )
        texts.append((label, excerpt(seen["response"])))
        for rank, near in enumerate(seen["nearest"], start=1):
            is_own = (near["id"], near["side"]) == (one["id"], seen["side"])
            own = " (its own original)" if is_own else ""
            label = f"{_ordinal(rank)} real response to it, at {near['distance']:.2f}: "
            label += f"{near['side']} of {near['id']}{own}"
            prompt, response = excerpt(conversation(near["prompt"]), 400), near["response"]
            texts.append((label, f"{prompt}\n--> {excerpt(response)}"))
    gaps = [
        one["sides"][0][when] - one["sides"][1][when] for when in ("reward_before", "reward_after")
    ]
    title = f"{one['rule'].capitalize()}: pair {one['id']}, reward gap {gaps[0]:.2f} before, "
    return Example(title + f"{gaps[1]:.2f} after", texts)


def _ordinal(rank: int) -> str:
    return "Nearest" if rank == 1 else f"{rank}{({2: 'nd', 3: 'rd'}).get(rank, 'th')} nearest"


def draw(geometry: pd.DataFrame, metrics: dict) -> Figure:
    """Share of embeddings by distance to the nearest training response, in units of the training
    responses' own median spacing; 95 % bands by Dvoretzky, Kiefer and Wolfowitz for as many
    independent draws as there are pairs."""
    fig, axes = figures.figure(1, 1, 2.6)
    axis, unit = axes[0, 0], metrics["spacing_median"]
    for method in geometry["method"].drop_duplicates():
        part = geometry[geometry["method"] == method]
        look = line_look("original" if method == HELD_OUT else method)
        x = np.sort(part["nearest_distance"].to_numpy()) / unit
        y = np.arange(1, len(x) + 1) / len(x)
        band = np.sqrt(np.log(2 / 0.05) / (2 * part["id"].nunique()))
        axis.fill_between(
            x,
            np.clip(y - band, 0, 1),
            np.clip(y + band, 0, 1),
            step="post",
            color=look["color"],
            alpha=0.15,
            linewidth=0,
        )
        line = {key: look[key] for key in ("color", "linestyle")}
        axis.step(x, y, where="post", label=name_of(method), **line)
    far = metrics["spacing_far"] / unit
    axis.axvline(far, color="#666666", linewidth=0.8, linestyle=":")
    axis.annotate(
        f"{100 * FAR:.0f} % of the training\nresponses' own spacing",
        (far, 0.02),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=6,
        color="#666666",
    )
    axis.set(ylim=(0, 1), xlim=(0, None), ylabel="share of embeddings")
    axis.set_xlabel("distance to the nearest training response (1: median among these themselves)")
    fig.legend(loc="outside upper center", ncols=4)
    return fig
