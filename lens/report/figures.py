"""One look for all figures: readable at column width, in grey and by the colour-blind."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from lens.files.atomic import replacing

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
# Okabe and Ito's colours; line and marker tell the methods apart without them.
LOOKS = {
    "original": {"color": "#000000", "linestyle": "-", "marker": "o"},
    "repeat": {"color": "#666666", "linestyle": "--", "marker": "s"},
    "lens": {"color": "#D55E00", "linestyle": "-", "marker": "D"},
    "direct_perturbation": {"color": "#0072B2", "linestyle": "-.", "marker": "^"},
    "gaussian_sampling": {"color": "#56B4E9", "linestyle": ":", "marker": "v"},
    "mean_difference": {"color": "#009E73", "linestyle": "--", "marker": "P"},
    "linear_probe": {"color": "#CC79A7", "linestyle": "-.", "marker": "X"},
    "evidence_probe": {"color": "#7B3294", "linestyle": ":", "marker": "p"},
    "lens_plus": {"color": "#E69F00", "linestyle": "-", "marker": "*"},
    "synthetic_only": {"color": "#D55E00", "linestyle": ":", "marker": "d"},
    "full_finetune": {"color": "#004D7F", "linestyle": "-", "marker": "h"},
    "full_finetune_repeat": {"color": "#777777", "linestyle": ":", "marker": "H"},
    "lora": {"color": "#6A51A3", "linestyle": "-", "marker": "8"},
    "lora_repeat": {"color": "#888888", "linestyle": "-.", "marker": "8"},
    "embedding_mlp": {"color": "#8C510A", "linestyle": "--", "marker": "<"},
    "self_rewarding": {"color": "#BF812D", "linestyle": ":", "marker": ">"},
    "self_evolved": {"color": "#35978F", "linestyle": "-.", "marker": "1"},
    "ipo": {"color": "#01665E", "linestyle": "--", "marker": "2"},
}


def look(method: str) -> dict:
    """Colour, line and marker of a method; those without their own share a thin grey."""
    return LOOKS.get(method, {"color": "#999999", "linestyle": "-", "marker": "."})


def figure(rows: int, columns: int, height: float):
    """(figure, axes [rows, columns]) at column width, `height` inches a row, in our style."""
    mpl.rcParams.update(SETTINGS)
    return plt.subplots(
        rows,
        columns,
        figsize=(COLUMN_WIDTH, height * rows),
        squeeze=False,
        layout="constrained",
    )


def panels(count: int, height: float, most: int = 2):
    """(figure, `count` axes row by row), `most` at the most beside one another in rows of about one
    length; axes that are left over are not shown."""
    rows = -(-count // most)
    fig, axes = figure(rows, -(-count // rows), height)
    for axis in axes.flat[count:]:
        axis.axis("off")
    return fig, list(axes.flat[:count])


def bars(low, mean, high):
    """Lengths of error bars [2, n] from the ends of intervals."""
    return [mean - low, high - mean]


def plain_sizes(axis, sizes) -> None:
    """Ticks of a logarithmic axis of N at the sizes themselves, leaving out those too close."""
    shown: list[int] = []
    for size in sorted(set(map(int, sizes))):
        if not shown or size >= 3 * shown[-1]:
            shown.append(size)
    axis.set_xticks(shown, labels=[f"{size:,}" for size in shown])
    axis.tick_params(axis="x", which="minor", bottom=False)


def label_right(axis, labels) -> None:
    """Writes (height in data, text, colour) to the right of the axis, apart from one another."""
    low, high = axis.get_ylim()
    gap = 0.075 * (high - low)
    placed: list[list] = []
    for height, text, colour in sorted(labels, key=lambda label: label[0]):
        at = max(height, placed[-1][0] + gap) if placed else height
        placed.append([at, text, colour])
    over = max(0.0, placed[-1][0] - high) if placed else 0.0
    for at, text, colour in placed:
        axis.annotate(
            text,
            (1.02, at - over),
            xycoords=axis.get_yaxis_transform(),
            color=colour,
            va="center",
            annotation_clip=False,
            fontsize=7,
        )


def save(fig, folder: str | Path, name: str) -> None:
    """Writes name.png and name.pdf, without dates, so that the same figure gives the same bytes."""
    for suffix, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with replacing(Path(folder) / f"{name}.{suffix}") as temporary:
            fig.savefig(temporary, format=suffix, metadata=metadata)
    plt.close(fig)
