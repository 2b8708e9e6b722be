"""Tables and the figure of the study, from the CSV files that benchmarks/study.py wrote.

    python benchmarks/study_report.py results/study/study.csv --out-dir results/study

Differences are paired by seed, in points of accuracy on held-out pairs, with half of their 95 %
interval (Student's t over seeds); bold where it leaves out 0, with a star where that survives
Holm's correction for all settings of its column.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from lens.core.errors import LensError
from lens.files import artifacts
from lens.report import figures
from lens.report.render import markdown_table
from lens.reward.methods import METHODS

CONTROL, PROBES = "repeat", ("mean difference", "linear probe")
DRAWN = {"LENS": "lens", "evidence probe": "evidence_probe", "LENS+": "lens_plus"}
BETTER = "better probe"
TITLES = {
    CONTROL: "against the repeat control",
    BETTER: "against the better of\nthe two older probes",
}
NEIGHBOURS = ("evidence probe", "LENS+ without noise", "repeat, centred, fast")
STAR = r"\*"


def paired(values: np.ndarray, control: np.ndarray) -> tuple[float, float]:
    """(mean, half of the 95 % interval) of the difference in points, over seeds."""
    gaps = 100 * (values - control)
    return gaps.mean(), t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))


def p_value(values: np.ndarray, control: np.ndarray) -> float:
    """Two-sided, of the paired t test over seeds."""
    gaps = values - control
    spread = gaps.std(ddof=1) / np.sqrt(len(gaps))
    return float(2 * t.sf(abs(gaps.mean()) / spread, len(gaps) - 1)) if spread > 0 else 1.0


def holm(p_values: list[float], level: float = 0.05) -> list[bool]:
    """Which hypotheses fall when all are tested together (Holm, 1979)."""
    order, falls = np.argsort(p_values), np.zeros(len(p_values), bool)
    for place, index in enumerate(order):
        if p_values[index] > level / (len(p_values) - place):
            break
        falls[index] = True
    return falls.tolist()


def cell(mean: float, half: float, star: bool) -> str:
    text = f"{mean:+.1f} ± {half:.1f}"
    return f"**{text}**{STAR * star}" if abs(mean) > half else text


def settings(table: pd.DataFrame):
    """((set, N, scale), accuracies [seeds, variants]) for each, with the better of the two older
    probes, by its mean, as one more variant."""
    for key, part in table.groupby(["set", "n_pairs", "scale"], sort=False):
        wide = part.pivot(index="seed", columns="variant", values="accuracy")
        best = max(PROBES, key=lambda probe: wide[probe].mean())
        yield key, wide.assign(**{BETTER: wide[best]})


def against(table: pd.DataFrame, variants: list[str], control: str) -> str:
    """A Markdown table: a row for each setting, a column for each variant's difference."""
    found, rows, stars = list(settings(table)), [], {}
    for variant in variants:
        has = [i for i, (_, wide) in enumerate(found) if variant in wide and variant != control]
        tests = [p_value(found[i][1][variant], found[i][1][control]) for i in has]
        stars |= {(i, variant): star for i, star in zip(has, holm(tests), strict=True)}
    for i, ((name, n_pairs, scale), wide) in enumerate(found):
        row = [
            name,
            f"{n_pairs:,}",
            f"{scale}x",
            str(len(wide)),
            f"{100 * wide[control].mean():.1f}",
        ]
        for variant in variants:
            known = (i, variant) in stars
            row.append(
                cell(*paired(wide[variant], wide[control]), stars[i, variant]) if known else "-"
            )
        rows.append(row)
    header = ["set", "N", "scale", "seeds", f"{control}, %", *variants]
    return markdown_table(header, rows)


def seconds(table: pd.DataFrame, variants: list[str]) -> str:
    """A Markdown table: seconds of processor time that the training of one seed took."""
    wide = table.pivot_table(
        index=["set", "n_pairs", "scale"], columns="variant", values="seconds", sort=False
    )
    rows = [
        [name, f"{n_pairs:,}", f"{scale}x"]
        + [f"{row[variant]:.2f}" if row[variant] == row[variant] else "-" for variant in variants]
        for (name, n_pairs, scale), row in wide.iterrows()
    ]
    return markdown_table(["set", "N", "scale", *variants], rows)


def draw(table: pd.DataFrame):
    """LENS, the evidence probe and LENS+ against the repeat control and the better older probe."""
    found = list(settings(table))
    fig, axes = figures.figure(1, 2, height=0.2 * len(found) + 1.0)
    for axis, control in zip(axes.flat, (CONTROL, BETTER), strict=True):
        for place, (_, wide) in enumerate(found):
            for shift, (variant, method) in enumerate(DRAWN.items()):
                if variant not in wide:
                    continue
                mean, half = paired(wide[variant], wide[control])
                look = figures.line_style(*METHODS[method].look)
                axis.errorbar(
                    mean,
                    place + 0.22 * (shift - 1),
                    xerr=half,
                    color=look["color"],
                    marker=look["marker"],
                    markersize=2.5,
                    elinewidth=0.8,
                    label=variant if place == 0 else None,
                )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_xlabel("points of accuracy")
        axis.set_title(TITLES[control])
        axis.set_ylim(len(found) - 0.5, -0.5)
    names = [f"{name}, N = {n_pairs:,}" for (name, n_pairs, _), _ in found]
    axes[0, 0].set_yticks(range(len(found)), labels=names)
    axes[0, 1].set_yticks(range(len(found)), labels=[])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="+", help="study.csv files")
    parser.add_argument("--out-dir", default="results/study")
    args = parser.parse_args()
    table = pd.concat([pd.read_csv(path) for path in args.tables], ignore_index=True)
    missing = {CONTROL, *PROBES, *DRAWN} - set(table["variant"])
    if missing:
        raise LensError(f"not measured: {', '.join(sorted(missing))}. Measure them with study.py.")
    variants = [name for name in table["variant"].unique() if name != CONTROL]
    parts = [f"Points of accuracy against {CONTROL}.", against(table, variants, CONTROL)]
    for control in (*(name for name in NEIGHBOURS if name in variants), BETTER):
        parts += [f"LENS+ against {control}.", against(table, ["LENS+"], control)]
    for name in (CONTROL, *variants):
        if f"{name}, active" in variants:
            parts += [
                f"{name}: chosen against random pairs.",
                against(table, [f"{name}, active"], name),
            ]
    parts += ["Processor seconds of training for one seed.", seconds(table, [CONTROL, *variants])]
    artifacts.write_text(Path(args.out_dir) / "study.md", "\n\n".join(parts))
    figures.save(draw(table), args.out_dir, "study")
    print(f"{args.out_dir}/study.md, study.png, study.pdf")


if __name__ == "__main__":
    main()
