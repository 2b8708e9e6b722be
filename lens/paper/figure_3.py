"""Figure 3: the latent space at several gamma, with what its separation is worth held out."""

import numpy as np
import pandas as pd

from lens.core.intervals import crossed_interval
from lens.evaluation import latent_space
from lens.latent.vae import SIDES, VAE, diagnose
from lens.report import figures, paper_comparison
from lens.report.files import Printed
from lens.report.render import with_interval
from lens.reward.training_set import TrainingSet

LOOKS = {
    "chosen": {"color": "#E69F00", "marker": "o", "facecolors": "none", "linewidths": 0.6},
    "rejected": {"color": "#7B3294", "marker": "x", "linewidths": 0.6},
}  # the paper's orange and purple, told apart by their markers too
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
    "response lies further along the difference of the class means, encoded each by its own "
    "side's head (which gives the label away), both by one head, and the mean difference of the "
    "embeddings."
)
OWN_HEADS = {side: side for side in SIDES}


def measure(
    vae: VAE, data: TrainingSet, ids: np.ndarray, held_out: dict[str, np.ndarray]
) -> tuple[dict, dict[str, np.ndarray], pd.DataFrame]:
    """(row of figure_3.csv, held-out measures of each pair [n], a row per training response).

    `ids` name all pairs, `held_out` holds standardised embeddings [n, d] a side.
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
        interval = crossed_interval(values[None])
        row |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
    points = [
        pd.DataFrame(plane(mean), columns=["x", "y"]).assign(side=side, id=ids[data.rows])
        for side, mean in zip(SIDES, means, strict=True)
    ]
    return row, by_pair, pd.concat(points, ignore_index=True)


def claims(by_gamma: dict[float, dict[str, np.ndarray]]) -> list[dict]:
    """A larger gamma moves the sides apart: every gamma against the smallest, held-out measures
    [seeds, pairs]. That it also orders pairs whose label is not given away is our question."""
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
    """A block for each seed, a row for each gamma."""
    blocks: dict[str, list] = {}
    for row in table.itertuples():
        title = f"{row.dataset}, {row.model}, N = {row.n_pairs:,}, seed {row.seed}"
        orders = [
            with_interval(*(100 * getattr(row, f"{name}{end}") for end in ("", "_low", "_high")), 1)
            for name in ("own_heads", "same_head", "embeddings")
        ]
        distance = (row.wasserstein2, row.wasserstein2_low, row.wasserstein2_high)
        blocks.setdefault(title, []).append(
            [
                f"{row.gamma:g}",
                with_interval(*distance, 2),
                *orders,
                f"{row.reconstruction_error:.2f}",
                str(row.active_units),
            ]
        )
    return Printed(HEADER, list(blocks.items()), NOTE)


def draw(table: pd.DataFrame, points: pd.DataFrame):
    """One panel for each row of the table, with equal axes; points by `gamma` and `side`."""
    rows = -(-len(table) // 3)
    columns = -(-len(table) // rows)
    fig, axes = figures.figure(rows, columns, 2.6)
    for axis in axes.flat[len(table) :]:
        axis.axis("off")
    for axis, row in zip(axes.flat, table.itertuples(), strict=False):
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
    for axis in axes[:, 0]:
        axis.set_ylabel("first component of the rest", fontsize=7)
    _name_sides(axes[0, 0], points[points["gamma"] == table["gamma"].iloc[0]])
    first = table.iloc[0]
    fig.supxlabel(
        "latent units along the difference of the class means (chosen to the right)\n"
        "own heads, same head: % of held-out pairs in order along x [95 % interval];\nmean "
        f"difference of the embeddings, without a VAE: {_percent(first, 'embeddings')}",
        fontsize=7,
    )
    return fig


def _name_sides(axis, panel: pd.DataFrame) -> None:
    """Direct labels, in opposite corners."""
    for side, place, align in (
        ("rejected", 0.02, ("left", "top")),
        ("chosen", 0.98, ("right", "bottom")),
    ):
        axis.text(
            place,
            1 - place,
            f"{MARKS[side]} {side}",
            color=LOOKS[side]["color"],
            ha=align[0],
            va=align[1],
            transform=axis.transAxes,
            fontweight="bold",
        )


def _percent(row, name: str) -> str:
    ends = (f"{100 * getattr(row, part):.0f}" for part in (name, f"{name}_low", f"{name}_high"))
    return "{} [{}, {}]".format(*ends)
