"""One style for all figures: readable at column width, in grey and for the colour-blind."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lens.files.atomic import replacing

Values = TypeVar("Values", float, pd.Series)
COLUMN_WIDTH = 5.5  # inches: NeurIPS text width
SETTINGS = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "pdf.fonttype": 42,
    "svg.hashsalt": "lens",
    "savefig.dpi": 200,
}


def line_style(color: str, linestyle: str, marker: str) -> dict[str, str]:
    """Keyword arguments of a line for matplotlib."""
    return {"color": color, "linestyle": linestyle, "marker": marker}


def figure(rows: int, columns: int, height: float) -> tuple[Figure, np.ndarray]:
    """(figure, axes [rows, columns]) at column width, with `height` inches per row."""
    mpl.rcParams.update(SETTINGS)
    return plt.subplots(
        rows,
        columns,
        figsize=(COLUMN_WIDTH, height * rows),
        squeeze=False,
        layout="constrained",
    )


def panels(count: int, height: float, most: int = 2) -> tuple[Figure, list[Axes]]:
    """(figure, `count` axes row by row), at most `most` axes per row; unused axes are hidden."""
    rows = -(-count // most)
    fig, axes = figure(rows, -(-count // rows), height)
    for axis in axes.flat[count:]:
        axis.axis("off")
    return fig, list(axes.flat[:count])


def bars(low: Values, mean: Values, high: Values) -> list[Values]:
    """Lengths of error bars [2, n] from means and interval limits."""
    return [mean - low, high - mean]


def plain_sizes(axis: Axes, sizes: Iterable[float]) -> None:
    """Puts the ticks of a logarithmic x axis at the sizes N, without those that are too close."""
    shown: list[int] = []
    for size in sorted(set(map(int, sizes))):
        if not shown or size >= 3 * shown[-1]:
            shown.append(size)
    axis.set_xticks(shown, labels=[f"{size:,}" for size in shown])
    axis.tick_params(axis="x", which="minor", bottom=False)


def label_right(axis: Axes, labels: Iterable[tuple[float, str, str]]) -> None:
    """Writes labels (y in data units, text, colour) right of the axis without overlaps."""
    low, high = axis.get_ylim()
    gap = 0.075 * (high - low)
    placed: list[list] = []
    for height, text, colour in sorted(labels, key=lambda label: label[0]):
        y = max(height, placed[-1][0] + gap) if placed else height
        placed.append([y, text, colour])
    excess = max(0.0, placed[-1][0] - high) if placed else 0.0
    for y, text, colour in placed:
        axis.annotate(
            text,
            (1.02, y - excess),
            xycoords=axis.get_yaxis_transform(),
            color=colour,
            va="center",
            annotation_clip=False,
            fontsize=7,
        )


def save(fig: Figure, folder: str | Path, name: str) -> None:
    """Writes NAME.png and NAME.pdf without dates: equal figures give identical files."""
    for suffix, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with replacing(Path(folder) / f"{name}.{suffix}") as temporary:
            fig.savefig(temporary, format=suffix, metadata=metadata)
    plt.close(fig)
