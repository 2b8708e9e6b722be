"""Curves over n (best-of-n) and over N (labelled pairs), with their intervals."""

import pandas as pd
from matplotlib.figure import Figure

from lens.evaluation.best_of_n import kl_bound
from lens.paper.cells import Cell, aggregate
from lens.paper.method_names import line_look, method_name
from lens.report import figures
from lens.report.files import Printed
from lens.report.measured import level, shown


def best_of_n_table(cells: list[Cell]) -> pd.DataFrame:
    """Gold reward of the best of n for every n, also length-matched, with 95 % intervals, one row
    per cell and n."""
    rows = [
        {**cell.labels, "n": n, "kl_bound": kl_bound(n), **level(cell.gold_curve[:, :, n - 1])}
        | level(cell.matched_curve[:, :, n - 1], "length_matched", "length_matched_")
        | {"vae_variance_explained": cell.explained}
        for cell in largest_scales(cells)
        for n in range(1, cell.gold_curve.shape[2] + 1)
    ]
    return pd.DataFrame(rows)


def best_of_n_observations(cells: list[Cell]) -> pd.DataFrame:
    """Mean gold reward of the best of n, one row per cell, seed and n."""
    rows = [
        {**cell.labels, "seed": seed, "n": n + 1, "gold_reward": value}
        for cell in largest_scales(cells)
        for seed, curve in zip(cell.seeds, cell.gold_curve.mean(axis=1), strict=True)
        for n, value in enumerate(curve)
    ]
    return pd.DataFrame(rows)


def largest_scales(cells: list[Cell]) -> list[Cell]:
    """The cell with the largest scale per dataset, model, N and method."""
    best: dict[tuple, Cell] = {}
    for cell in cells:
        key = (cell.dataset, cell.model, cell.n_pairs, cell.method)
        if key not in best or cell.scale > best[key].scale:
            best[key] = cell
    return list(best.values())


def draw_best_of_n(table: pd.DataFrame) -> Figure:
    """Gold reward over n, one panel per dataset, model and N; bars are 95 % intervals."""
    panels = list(table.groupby(["dataset", "model", "n_pairs"], sort=False))
    fig, axes = figures.panels(len(panels), height=2.6)
    for axis, ((dataset, model, n_pairs), panel) in zip(axes, panels, strict=True):
        for shift, ((method, scale), line) in enumerate(
            panel.groupby(["method", "scale"], sort=False)
        ):
            look = line_look(method)
            label = method_name(method) + (f" {scale}x" if scale > 1 else "")
            # Markers only at the ends and in the legend, where lines alone look alike in grey.
            axis.plot(line["n"], line["mean"], **look, markevery=[], label=label)
            end = line.iloc[[-1]]
            axis.errorbar(
                end["n"] + 0.4 + 0.35 * shift,
                end["mean"],
                yerr=figures.bars(end["low"], end["mean"], end["high"]),
                color=look["color"],
                marker=look["marker"],
                elinewidth=0.8,
            )
        axis.set_title(f"{dataset}, {model}\nN = {n_pairs:,}")
        axis.set_xlabel("n candidates")
        axis.set_ylabel("gold reward of the pick")
        most = int(panel["n"].max())
        axis.set_xticks([*(n for n in (1, 2, 4, 8) if n < most), most])
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def learning_table(cells: list[Cell]) -> pd.DataFrame:
    """Pair accuracy and gold reward by N, with 95 % intervals."""
    accuracy, gold = aggregate(cells, "correct"), aggregate(cells, "gold")
    table = gold.iloc[:, :5].copy()
    for name, part in (("pair_accuracy", accuracy), ("gold_reward", gold)):
        for column in ("mean", "low", "high"):
            table[f"{name}_{column}"] = part[column]
    return table


def draw_learning_curve(table: pd.DataFrame) -> Figure:
    """Pair accuracy (left) and gold reward (right) over N, one row per dataset and model."""
    panels = list(table.groupby(["dataset", "model"], sort=False))
    fig, axes = figures.figure(len(panels), 2, height=2.2)
    measures = (("pair_accuracy", "held-out pair accuracy"), ("gold_reward", "gold reward"))
    for row, ((dataset, model), panel) in zip(axes, panels, strict=True):
        for axis, (measure, label) in zip(row, measures, strict=True):
            for shift, (method, line) in enumerate(panel.groupby("method", sort=False)):
                low, mean, high = (line[f"{measure}_{end}"] for end in ("low", "mean", "high"))
                axis.errorbar(
                    line["n_pairs"] * (1 + 0.05 * shift),
                    mean,
                    yerr=figures.bars(low, mean, high),
                    elinewidth=0.8,
                    label=method_name(method),
                    **line_look(method),
                )
            axis.set_xscale("log")
            sizes = sorted(table["n_pairs"].unique())
            axis.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
            axis.minorticks_off()
            axis.set_xlabel("labelled pairs N")
            axis.set_ylabel(label)
            axis.set_title(f"{dataset}, {model}")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


def learning_printed(table: pd.DataFrame) -> Printed:
    """The learning curve as a table to read."""
    header = ["dataset", "model", "method", "N", "pair accuracy %", "gold reward"]
    rows = [
        [
            row.dataset,
            row.model,
            method_name(row.method),
            f"{row.n_pairs:,}",
            shown(row, 1, "pair_accuracy_mean", "pair_accuracy_", factor=100),
            shown(row, 3, "gold_reward_mean", "gold_reward_"),
        ]
        for row in table.itertuples()
    ]
    note = "Mean [95 % interval over seeds and test items]."
    return Printed(header, [("What reward models reach without augmentation", rows)], note)
