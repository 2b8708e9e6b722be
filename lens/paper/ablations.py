"""The ablations of the paper (Figures 2 and 4, Table 5) and of its reviews, as sweeps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from lens.paper.cells import Cell
from lens.paper.sweep import (
    Sweep,
    by_value,
    claims_above,
    claims_of_best,
    is_the_papers,
    lens_cell,
    numbers,
)
from lens.report import paper_comparison
from lens.report.reported import MODEL_OF_TABLE_1, reported, table_1_value


def setting(
    name: str,
    label: str,
    values: Sequence,
    cells: Sequence[Cell],
    controls: Sequence[Cell],
    paper: Mapping,
) -> Sweep:
    """LENS with one setting at several values; `paper` has the paper's numbers by value."""
    lines = {cell.method: cell for cell in controls}
    return Sweep(
        name,
        label,
        values,
        {"lens": cells},
        lines,
        {("lens", value): number for value, number in paper.items()},
    )


def gamma(values: Sequence, cells: Sequence[Cell], controls: Sequence[Cell]) -> Sweep:
    """Figure 2a; the paper gives only the best value."""
    return setting("gamma", "weight of the divergence, gamma", values, cells, controls, {})


def noise_variance(values: Sequence, cells: Sequence[Cell], controls: Sequence[Cell]) -> Sweep:
    """Figure 2b."""
    paper = {float(v): number for v, number in reported()["figure2"]["noise_variance"].items()}
    label = "variance of the latent noise"
    return setting("noise_variance", label, values, cells, controls, paper)


def sizes(cells: Sequence[Cell]) -> Sweep:
    """Figure 2c, and the reviews' 50,000 and 100,000 pairs."""
    values, series = by_value(cells, lambda cell: cell.n_pairs)
    paper = {
        ("original", 100): reported()["figure2"]["n_pairs_100"]["original"],
        ("lens", 100): reported()["figure2"]["n_pairs_100"]["4x"],
    }
    for size, both in reported()["reviews"]["n_pairs"].items():
        paper["lens", int(size)] = both["latent"]
        paper["full_finetune", int(size)] = both["textual"]
    for method in ("original", "lens", "full_finetune"):
        scale = 1 if method == "original" else 4
        paper[method, 1000] = table_1_value("hh_rlhf", MODEL_OF_TABLE_1, method, scale, 1000)
    return Sweep("N", "labelled pairs N", values, series, reported=paper)


def beta(values: Sequence, cells: Sequence[Cell], controls: Sequence[Cell]) -> Sweep:
    """Figure 4a."""
    paper = {float(v): number for v, number in reported()["figure4"]["beta"].items()}
    return setting("beta", "weight of the KL term, beta", values, cells, controls, paper)


def data(original: Cell, synthetic: Cell, combined: Cell, controls: Sequence[Cell]) -> Sweep:
    """Figure 4b."""
    values = ["original", "synthetic", "combined"]
    series = {
        "lens": [None, None, combined],
        "synthetic_only": [None, synthetic, None],
        "original": [original, None, None],
    }
    paper = {("lens", "combined"): reported()["figure4"]["combined"]}
    lines = {cell.method: cell for cell in controls if cell.method != "original"}
    return Sweep("data", "trained on", values, series, lines, paper)


def sharing(values: Sequence, cells: Sequence[Cell], controls: Sequence[Cell]) -> Sweep:
    """Table 5."""
    label = "what preferred and rejected share"
    return setting("sharing", label, values, cells, controls, reported()["table5"])


def layers(by_layer: Mapping[int, Sequence[Cell]]) -> Sweep:
    """The reviews' embedding layers: i after block i, -1 the final hidden state."""
    values = ["last" if layer == -1 else layer for layer in by_layer]
    series: dict[str, list] = {}
    for i, cells in enumerate(by_layer.values()):
        for cell in cells:
            series.setdefault(cell.method, [None] * len(values))[i] = cell
    given = reported()["reviews"]["layer"]
    last = max(map(int, given))
    paper = {"last" if int(v) == last else int(v): number for v, number in given.items()}
    return Sweep(
        "layer",
        "embedded after block",
        values,
        series,
        reported={("lens", layer): number for layer, number in paper.items()},
    )


def scales(cells: Sequence[Cell], controls: Sequence[Cell]) -> Sweep:
    """The reviews' scales up to 64x."""
    values, series = by_value(cells, lambda cell: cell.scale)
    paper = {int(k[:-1]): number for k, number in reported()["reviews"]["scale"].items()}
    return Sweep(
        "scale",
        "augmentation scale k",
        values,
        series,
        {cell.method: cell for cell in controls if cell.method != "repeat"},
        {("lens", k): number for k, number in paper.items()},
    )


def best_values() -> dict:
    """The value of each setting that the paper has above all others."""
    figure_2, figure_4 = reported()["figure2"], reported()["figure4"]
    return {
        "gamma": figure_2["gamma_best"],
        "noise_variance": float(_top(figure_2["noise_variance"])),
        "beta": float(_top(figure_4["beta"])),
        "data": "combined",
        "sharing": _top(reported()["table5"]),
        "layer": "last",
    }


def _top(values: Mapping) -> str:
    return max(values, key=values.__getitem__)


def against_paper(artefact: str, sweeps: Sequence[Sweep], *, comparable: bool) -> pd.DataFrame:
    """The paper's numbers and claims: its best value is above every other; LENS is above the
    original and above text at every N; neighbouring scales are in the paper's order."""
    best, rows = best_values(), numbers(sweeps)
    for sweep in sweeps:
        if not sweep.claimed:
            continue
        if sweep.name in best:
            rows += claims_of_best(sweep, best[sweep.name])
        elif sweep.name == "scale":
            rows += _steps(sweep)
        else:
            for lower in ("original", "full_finetune"):
                if {"lens", lower} <= set(sweep.series):
                    rows += claims_above(sweep, "lens", lower)
    return paper_comparison.verdicts(artefact, rows, comparable=comparable)


def _steps(sweep: Sweep) -> list[dict]:
    """Claims that neighbouring scales are in the paper's order."""
    by_value = dict(zip(sweep.values, sweep.series["lens"], strict=True))
    there = [
        value for value in sweep.values if ("lens", value) in sweep.reported and by_value[value]
    ]
    rows = []
    for one, other in zip(there[1:], there, strict=False):
        gap = sweep.reported["lens", one] - sweep.reported["lens", other]
        if gap < 0:
            one, other, gap = other, one, -gap
        what = f"LENS {one}x above {other}x"
        rows.append(paper_comparison.claim(what, by_value[one].gold - by_value[other].gold, gap))
    return rows


def beside_the_paper(sweep: Sweep, names: Mapping[str, str], paper_n_pairs: int) -> Sweep:
    """The sweep; without the paper's numbers and claims unless dataset, model, scale and N are the
    paper's or stand for them."""
    cell = lens_cell(sweep)
    there = is_the_papers(cell, names, scale=None if sweep.name == "scale" else 4)
    if there and (sweep.name == "N" or cell.n_pairs == paper_n_pairs):
        return sweep
    return replace(sweep, reported={}, claimed=False)
