"""Tables and the figure of the study, from the CSV files that benchmarks/study.py wrote.

    python benchmarks/study_report.py results/study/study.csv --out-dir results/study
    python benchmarks/study_report.py --draw docs/study.csv --out-dir docs

The first command writes study.md, `differences.csv` and the figure; the second draws the figure
from such differences alone (docs/study.csv: the run of docs/study.md, digits as printed there).

Differences are paired by seed, in points of accuracy on held-out pairs, with half of their 95 %
interval (Student's t over seeds); bold where it excludes 0, with a star where that holds after
Holm's correction for all settings of its column. In brackets: what a variant's VAE explains of the
variance of embeddings that it has not seen.
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
NEIGHBOURS = ("evidence probe", "LENS+ without noise", "repeat, centred, fast")
SETTING = ["set", "n_pairs", "scale"]
STAR = r"\*"
SIMULATED = "Gaussian"


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
    for rank, index in enumerate(order):
        if p_values[index] > level / (len(p_values) - rank):
            break
        falls[index] = True
    return falls.tolist()


def cell(mean: float, half: float, bold: bool, star: bool) -> str:
    text = f"{mean:+.1f} ± {half:.1f}"
    return f"**{text}**{STAR * star}" if bold else text


def of_the_vae(explained: float) -> str:
    """The share of held-out variance that the VAE explains; empty without one."""
    return "" if np.isnan(explained) else f" ({100 * explained:.0f} %)"


def settings(table: pd.DataFrame):
    """((set, N, scale), accuracies [seeds, variants]) for each, with the better of the two older
    probes, by its mean, as one more variant."""
    for key, part in table.groupby(SETTING, sort=False):
        wide = part.pivot(index="seed", columns="variant", values="accuracy")
        best = max(PROBES, key=lambda probe: wide[probe].mean())
        yield key, wide.assign(**{BETTER: wide[best]})


def differences(table: pd.DataFrame, variants: list[str], control: str) -> pd.DataFrame:
    """A row for each setting and variant: its difference from the control."""
    rows = []
    explained = table.groupby([*SETTING, "variant"])["vae_variance_explained"].mean()
    for key, wide in settings(table):
        for variant in variants:
            if variant in wide and variant != control:
                mean, half = paired(wide[variant], wide[control])
                row = dict(zip(SETTING, key, strict=True))
                row |= {"seeds": len(wide), "control": control}
                row |= {"control_percent": 100 * wide[control].mean(), "variant": variant}
                row |= {"mean": mean, "half": half, "excludes_0": abs(mean) > half}
                row |= {"vae_variance_explained": explained.get((*key, variant), np.nan)}
                rows.append(row | {"after_holm": p_value(wide[variant], wide[control])})
    compared = pd.DataFrame(rows)
    corrected = compared.groupby("variant")["after_holm"].transform(lambda p: holm(p.tolist()))
    return compared.assign(after_holm=corrected.astype(bool))


def against(compared: pd.DataFrame) -> str:
    """A Markdown table of differences from one control: a row for each setting, a column for each
    variant."""
    variants, rows = compared["variant"].unique(), []
    for (name, n_pairs, scale), part in compared.groupby(SETTING, sort=False):
        first = part.iloc[0]
        row = [name, f"{n_pairs:,}", f"{scale}x", str(first.seeds), f"{first.control_percent:.1f}"]
        cells = {
            one.variant: cell(one.mean, one.half, one.excludes_0, one.after_holm)
            + of_the_vae(one.vae_variance_explained)
            for one in part.itertuples()
        }
        rows.append(row + [cells.get(variant, "-") for variant in variants])
    header = ["set", "N", "scale", "seeds", f"{compared['control'].iloc[0]}, %", *variants]
    return markdown_table(header, rows)


def seconds(table: pd.DataFrame, variants: list[str]) -> str:
    """A Markdown table: seconds of processor time that the training of one seed took."""
    wide = table.pivot_table(index=SETTING, columns="variant", values="seconds", sort=False)
    rows = [
        [name, f"{n_pairs:,}", f"{scale}x"]
        + [f"{row[variant]:.2f}" if row[variant] == row[variant] else "-" for variant in variants]
        for (name, n_pairs, scale), row in wide.iterrows()
    ]
    return markdown_table(["set", "N", "scale", *variants], rows)


def draw(compared: pd.DataFrame):
    """LENS, the evidence probe and LENS+ against the repeat control: a panel for each of the three
    most frequent sizes, a row for each set. Simulated embeddings are left out where others are
    there."""
    shown = compared[(compared["control"] == CONTROL) & compared["variant"].isin(DRAWN)]
    simulated = shown["set"].str.startswith(SIMULATED)
    shown = shown if simulated.all() else shown[~simulated]
    sizes = sorted(shown.groupby("n_pairs")["set"].nunique().nlargest(3).index)
    sets = [*shown.loc[shown["n_pairs"].isin(sizes), "set"].unique()]
    fig, axes = figures.figure(1, len(sizes), height=0.32 * len(sets) + 1.0)
    for axis, size in zip(axes.flat, sizes, strict=True):
        for shift, (variant, method) in enumerate(DRAWN.items()):
            part = shown[(shown["n_pairs"] == size) & (shown["variant"] == variant)]
            look = figures.line_style(*METHODS[method].look)
            axis.errorbar(
                part["mean"],
                [sets.index(name) + 0.25 * (shift - 1) for name in part["set"]],
                xerr=part["half"],
                color=look["color"],
                marker=look["marker"],
                linestyle="none",
                label=variant,
            )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"N = {size:,}")
        axis.set_ylim(len(sets) - 0.5, -0.5)
        axis.set_yticks(range(len(sets)), labels=sets if axis is axes[0, 0] else [])
    fig.supxlabel("points of accuracy against the repeat control", fontsize="medium")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", help="study.csv files")
    parser.add_argument("--draw", metavar="FILE", help="only the figure, from a differences.csv")
    parser.add_argument("--out-dir", default="results/study")
    args = parser.parse_args()
    if args.draw:
        figures.save(draw(pd.read_csv(args.draw)), args.out_dir, "study")
        print(f"{args.out_dir}/study.png, study.pdf")
    elif args.tables:
        write(pd.concat(map(pd.read_csv, args.tables), ignore_index=True), args.out_dir)
    else:
        raise LensError("give study.csv files, or --draw differences.csv.")


def write(table: pd.DataFrame, folder: str) -> None:
    """study.md, differences.csv and the figure, from the observations of study.py."""
    missing = {CONTROL, *PROBES, *DRAWN} - set(table["variant"])
    if missing:
        raise LensError(f"not measured: {', '.join(sorted(missing))}. Measure them with study.py.")
    variants = [name for name in table["variant"].unique() if name != CONTROL]
    compared = [differences(table, variants, CONTROL)]
    parts = [f"Points of accuracy against {CONTROL}.", against(compared[0])]
    for control in (*(name for name in NEIGHBOURS if name in variants), BETTER):
        compared.append(differences(table, ["LENS+"], control))
        parts += [f"LENS+ against {control}.", against(compared[-1])]
    for name in (CONTROL, *variants):
        if f"{name}, active" in variants:
            parts.append(f"{name}: chosen against random pairs.")
            parts.append(against(differences(table, [f"{name}, active"], name)))
    parts += ["Processor seconds of training for one seed.", seconds(table, [CONTROL, *variants])]
    artifacts.write_text(Path(folder) / "study.md", "\n\n".join(parts))
    artifacts.write_table(Path(folder) / "differences.csv", pd.concat(compared))
    figures.save(draw(compared[0]), folder, "study")
    print(f"{folder}/study.md, differences.csv, study.png, study.pdf")


if __name__ == "__main__":
    main()
