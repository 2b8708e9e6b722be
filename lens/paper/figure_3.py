"""Figure 3: the latent space for several gamma, and how well it orders held-out pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lens.evaluation import latent_space
from lens.evaluation.judge import held_out_pairs
from lens.latent.vae import SIDES, VAE, diagnose, load_vae
from lens.report import figures, paper_comparison
from lens.report.files import Printed
from lens.report.measured import blocks, level, shown
from lens.reward.training_set import TrainingSet

LOOKS = {
    "chosen": {"color": "#E69F00", "marker": "o", "facecolors": "none", "linewidths": 0.6},
    "rejected": {"color": "#7B3294", "marker": "x", "linewidths": 0.6},
}  # the paper's orange and purple, with different markers
MARKS = {"chosen": "$\\circ$", "rejected": "$\\times$"}
HEADER = [
    "gamma",
    "W2 of a pair",
    "in order, own heads %",
    "same head %",
    "no VAE %",
    "reconstruction error",
    "active units",
]
NOTE = (
    "Held-out pairs: mean [95 % interval over pairs]. In order: share of pairs whose chosen "
    "response is further along the difference of the class means than the rejected one. own "
    "heads: each response is encoded by its own side's head, which reveals the label; same head: "
    "both by one head; no VAE: along the mean difference of the embeddings."
)
ORDERS = ("own_heads", "same_head", "embeddings")
OWN_HEADS = {side: side for side in SIDES}


def measure(
    vae: VAE, data: TrainingSet, ids: np.ndarray, held_out: dict[str, np.ndarray]
) -> tuple[dict, dict[str, np.ndarray], pd.DataFrame]:
    """(row of figure_3.csv, held-out measures of each pair [n], a row per training response).

    `ids` are the ids of all pairs; `held_out` is {side: standardised embeddings [n, d]}.
    """
    train = {"chosen": data.chosen, "rejected": data.rejected}
    both = latent_space.posteriors(vae, train, OWN_HEADS)
    means = [both[side][0].numpy() for side in SIDES]
    plane = latent_space.class_plane(*means)
    held = latent_space.posteriors(vae, held_out, OWN_HEADS)
    about = diagnose(vae, *(held_out[side] for side in SIDES))
    by_pair = latent_space.orders(vae, plane, train, held_out)
    by_pair["wasserstein2"] = latent_space.distances(held)
    by_pair["embeddings"] = latent_space.mean_difference_orders(train, held_out)
    row = {
        "wasserstein2_train": latent_space.distances(both).mean(),
        "reconstruction_error": about["reconstruction_error"],
        "kl": latent_space.kl(held),
        "active_units": about["active_units"],
        "share_in_plane": latent_space.share_in_plane(plane, np.concatenate(means)),
        "held_out_pairs": len(held_out["chosen"]),
    }
    for name, values in by_pair.items():
        row |= level(values[None], name, f"{name}_")
    points = [
        pd.DataFrame(plane(mean), columns=["x", "y"]).assign(side=side, id=ids[data.rows])
        for side, mean in zip(SIDES, means, strict=True)
    ]
    return row, by_pair, pd.concat(points, ignore_index=True)


def measure_all(
    pairs: pd.DataFrame,
    embeddings: Mapping[str, np.ndarray],
    data: Mapping[int, TrainingSet],
    vaes: Mapping[int, Sequence[tuple[float, str]]],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[float, dict[str, np.ndarray]]]:
    """(one row per seed and gamma, one row per training response of each, {gamma: held-out measures
    [seeds, pairs]}). `vaes` is {seed: [(gamma, file)]}."""
    ids, test = np.asarray(pairs["id"]), held_out_pairs(pairs).index
    rows, points = [], []
    by_gamma: dict[float, list[dict[str, np.ndarray]]] = {}
    for seed, part in data.items():
        held_out = {side: part.standardiser(embeddings[side][test]) for side in SIDES}
        for gamma, file in vaes[seed]:
            row, by_pair, drawn = measure(load_vae(file), part, ids, held_out)
            rows.append({"seed": seed, "gamma": gamma, **row})
            points.append(drawn.assign(gamma=gamma, seed=seed))
            by_gamma.setdefault(gamma, []).append(by_pair)
    stacked = {
        gamma: {name: np.stack([one[name] for one in seeds]) for name in seeds[0]}
        for gamma, seeds in by_gamma.items()
    }
    return pd.DataFrame(rows), pd.concat(points, ignore_index=True), stacked


def claims(by_gamma: dict[float, dict[str, np.ndarray]]) -> list[dict]:
    """Claims that a larger gamma separates the sides: every gamma against the smallest, by held-out
    measures [seeds, pairs]. The comparison without revealed labels is ours, not the paper's."""
    least, *others = sorted(by_gamma)
    names = {
        "wasserstein2": "distance (W2) between the posteriors of a pair",
        "same_head": "pairs in order along x, labels not given away",
    }
    return [
        paper_comparison.claim(
            f"{words}: gamma = {gamma:g} above {least:g}",
            by_gamma[gamma][name] - by_gamma[least][name],
            own=name == "same_head",
        )
        for name, words in names.items()
        for gamma in others
    ]


def printed(table: pd.DataFrame) -> Printed:
    """A table with one block per seed and one row per gamma."""
    rows = [
        (
            f"{row.dataset}, {row.model}, N = {row.n_pairs:,}, seed {row.seed}",
            [
                f"{row.gamma:g}",
                shown(row, 2, "wasserstein2", "wasserstein2_"),
                *(shown(row, 1, name, f"{name}_", factor=100) for name in ORDERS),
                f"{row.reconstruction_error:.2f}",
                str(row.active_units),
            ],
        )
        for row in table.itertuples()
    ]
    return Printed(HEADER, blocks(rows), NOTE)


def draw(table: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """One panel per row of the table, with equal axes; `points` have columns gamma and side."""
    fig, axes = figures.panels(len(table), 2.6, most=3)
    for axis, row in zip(axes, table.itertuples(), strict=True):
        panel = points[points["gamma"] == row.gamma]
        for side in SIDES:
            part = panel[panel["side"] == side]
            axis.scatter(part["x"], part["y"], s=6, alpha=0.6, rasterized=True, **LOOKS[side])
        axis.set_aspect("equal", adjustable="datalim")
        axis.margins(0.08)
        axis.set_title(
            f"$\\gamma$ = {row.gamma:g}\n$W_2$ {row.wasserstein2:.2f} "
            f"[{row.wasserstein2_low:.2f}, {row.wasserstein2_high:.2f}]\n"
            f"{100 * row.share_in_plane:.0f} % of variance shown\n"
            f"own heads {_percent(row, 'own_heads')}\nsame head {_percent(row, 'same_head')}",
            fontsize=7,
        )
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel("first component of the residuals", fontsize=7)
    _name_sides(axes[0], points[points["gamma"] == table["gamma"].iloc[0]])
    first = table.iloc[0]
    fig.supxlabel(
        "latent units along the difference of the class means (chosen to the right)\n"
        "own heads, same head: % of held-out pairs in order along x [95 % interval];\nmean "
        f"difference of the embeddings, without a VAE: {_percent(first, 'embeddings')}",
        fontsize=7,
    )
    return fig


def _name_sides(axis: Axes, panel: pd.DataFrame) -> None:
    """Direct labels, in opposite corners."""
    for side, corner, align in (
        ("rejected", 0.02, ("left", "top")),
        ("chosen", 0.98, ("right", "bottom")),
    ):
        axis.text(
            corner,
            1 - corner,
            f"{MARKS[side]} {side}",
            color=LOOKS[side]["color"],
            ha=align[0],
            va=align[1],
            transform=axis.transAxes,
            fontweight="bold",
        )


def _percent(row: Any, name: str) -> str:
    ends = (f"{100 * getattr(row, part):.0f}" for part in (name, f"{name}_low", f"{name}_high"))
    return "{} [{}, {}]".format(*ends)
