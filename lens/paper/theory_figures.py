"""Figure 5, the fits of C1 and B0, and the map of predicted and measured ratios."""

import numpy as np
from matplotlib import colors, ticker
from matplotlib.figure import Figure

from lens.paper.theory import label
from lens.report import figures
from lens.theory.predictions import usable_constants

LINE, DOTS, CONTROL = "#D55E00", "#0072B2", "#666666"


def draw_figure_5(theories: list[dict]) -> Figure:
    """Reconstruction error over N, log-log, with A N^-p and its 95 % band."""
    fig, axes = figures.panels(len(theories), 2.5)
    for axis, theory in zip(axes, theories, strict=True):
        everything = theory["points"]["p"]
        points = everything[everything["budget"] == "epochs"]
        control = everything[everything["budget"] == "equal_steps"]
        sizes = np.geomspace(points["n_pairs"].min(), points["n_pairs"].max(), 50)
        drawn = theory["replicates"]
        curves = drawn["A"].to_numpy()[:, None] * sizes ** -drawn["p"].to_numpy()[:, None]
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        axis.fill_between(sizes, low, high, color=LINE, alpha=0.15, linewidth=0)
        fit = theory["A"]["estimate"] * sizes ** -theory["p"]["estimate"]
        axis.plot(sizes, fit, color=LINE, label="$A N^{-p}$")
        for table, marker, color, name in (
            (points, "o", DOTS, "published epochs"),
            (control, "x", CONTROL, "equal steps at every N (control)"),
        ):
            axis.plot(
                table["n_pairs"], table["observed"], marker, color=color, alpha=0.7, label=name
            )
        axis.set(xscale="log", yscale="log", xlabel="training pairs N")
        figures.plain_sizes(axis, everything["n_pairs"])
        axis.set_ylabel("held-out squared error")
        ends = theory["p"]
        axis.set_title(
            f"{label(theory)}\np = {ends['estimate']:.2f} [{ends['low']:.2f}, {ends['high']:.2f}], "
            f"R² = {theory['r_squared']['p']:.2f}"
        )
        axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(ticker.NullFormatter())
        axis.yaxis.set_major_locator(ticker.LogLocator(base=10, subs=(1, 2, 5)))
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def draw_fits(theories: list[dict]) -> Figure:
    """Left: zeta against sqrt(C2 / N), slope C1. Right: synthesis bias against N^-p / 2."""
    fig, axes = figures.figure(len(theories), 2, 2.4)
    for row, theory in zip(axes, theories, strict=True):
        for axis, name in zip(row, ("C1", "B0"), strict=True):
            points, ends = theory["points"][name], theory[name]
            top = np.linspace(0, points["x"].max() * 1.05, 2)
            low, high = ends["low"], ends["high"]
            axis.fill_between(top, low * top, high * top, color=LINE, alpha=0.15, linewidth=0)
            axis.plot(top, ends["estimate"] * top, color=LINE)
            axis.plot(points["x"], points["observed"], "o", color=DOTS, alpha=0.7)
            axis.axhline(0, color="black", linewidth=0.6)
            axis.set_title(
                f"{label(theory)}\n{name} = {ends['estimate']:.3g} [{low:.3g}, {high:.3g}], "
                f"R² = {theory['r_squared'][name]:.2f}"
            )
        row[0].set(xlabel="$\\sqrt{C_2 / N}$", ylabel="estimation error (nats)")
        row[1].set(xlabel="$N^{-p} / 2$", ylabel="synthesis bias (nats)")
    return fig


def draw_map(theories: list[dict]) -> Figure:
    """Predicted zeta_aug / zeta over (N, k) by colour, measured ratios of LENS as dots."""
    fig, axes = figures.panels(len(theories), 2.9)
    scale = colors.TwoSlopeNorm(vmin=0.5, vcenter=1.0, vmax=1.5)
    for axis, theory in zip(axes, theories, strict=True):
        measured, constants = theory["predictions"], usable_constants(theory)
        sizes = np.geomspace(measured["n_pairs"].min() / 2, measured["n_pairs"].max() * 4, 80)
        ks = np.geomspace(1, 2 * measured["scale"].max(), 60)
        if constants:
            ratios = np.array([[constants.ratio(n, k) for n in sizes] for k in ks])
            axis.pcolormesh(
                sizes, ks, ratios, norm=scale, cmap="RdBu_r", shading="gouraud", rasterized=True
            )
            if ratios[1:].min() < 1 < ratios[1:].max():
                axis.contour(sizes, ks[1:], ratios[1:], [1.0], colors="black", linewidths=1)
        dots = axis.scatter(
            measured["n_pairs"],
            measured["scale"],
            c=measured["lens"],
            norm=scale,
            cmap="RdBu_r",
            edgecolors="black",
            s=70,
            zorder=3,
        )
        for _, row in measured.dropna(subset="lens").iterrows():
            axis.annotate(
                f"{row['lens']:.2f}\n({row['repeat']:.2f})",
                (row["n_pairs"], row["scale"]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=5.5,
                bbox={"boxstyle": "round,pad=0.1", "color": "white", "alpha": 0.6, "linewidth": 0},
            )
        axis.set(xlim=sizes[[0, -1]], ylim=ks[[0, -1]])
        axis.set(xscale="log", xlabel="training pairs N", ylabel="augmentation scale k")
        axis.set_yscale("log", base=2)
        if not constants:
            axis.text(0.5, 0.05, "nothing can be predicted", transform=axis.transAxes, ha="center")
        axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_title(label(theory))
        axis.grid(False)
        figures.plain_sizes(axis, measured["n_pairs"])
    bar = fig.colorbar(dots, ax=axes, extend="both", shrink=0.9)
    bar.set_label("$\\zeta_{aug} / \\zeta$ (line: predicted ratio 1)")
    fig.supxlabel(
        "dots and numbers: measured with LENS; in brackets: the repeat control", fontsize=7
    )
    return fig
