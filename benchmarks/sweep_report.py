"""The map of the sweep: where LENS is against its controls, setting by setting.

    python benchmarks/sweep_report.py sweep/sweep.csv --out-dir sweep
    python benchmarks/sweep_report.py --again docs/sweep_map.csv --out-dir docs

The first command writes the differences to sweep_map.csv, draws the map and prints a table of what
is best; the second draws and prints from such differences. They are paired by seed, in points, with
half of their 95 % interval (Student's t over seeds). The best probe of a cell is the best of three
by its mean, in hindsight.
"""

import argparse
from pathlib import Path

import pandas as pd
from study_report import holm, p_value, paired
from sweep import CHANGES, CONTROLS, LENS

from lens.core.errors import LensError
from lens.files import artifacts
from lens.report import figures
from lens.report.render import markdown_table
from lens.reward.methods import METHODS

CELL = ["set", "n_pairs"]
PROBES = CONTROLS[2:]
AGAINST = {"repeat": "repeat", "repeat, centred": "centred", "best probe": "probe"}
LINES = {"repeat, centred": "--", "best probe": ":"}


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell and change, and for the two other controls; `after_holm` corrects the
    comparisons with the repeat control for all changes of all cells."""
    rows = []
    for key, part in table.groupby(CELL, sort=False):
        controls = part[part["base"] == "control"].pivot(
            index="seed", columns="variant", values="accuracy"
        )
        best = max(PROBES, key=lambda probe: controls[probe].mean())
        controls = controls.assign(**{"best probe": controls[best]})
        swept = part[part["base"] != "control"].groupby(["base", "variant"], sort=False)
        for (base, variant), group in swept:
            found = group.set_index("seed")
            row = dict(zip(CELL, key, strict=True)) | {"base": base, "variant": variant}
            row |= {"seeds": len(found), "explained": 100 * found["explained"].mean()}
            row |= {"repeat_percent": 100 * controls["repeat"].mean()}
            for control, name in AGAINST.items():
                row[name], row[f"{name}_half"] = paired(found["accuracy"], controls[control])
            rows.append(row | {"p": p_value(found["accuracy"], controls["repeat"])})
        for control in LINES:
            row = dict(zip(CELL, key, strict=True)) | {"base": "control", "variant": control}
            row["repeat"], row["repeat_half"] = paired(controls[control], controls["repeat"])
            rows.append(row | {"seeds": len(controls)})
    compared = pd.DataFrame(rows)
    tried = compared["base"] != "control"
    compared["after_holm"] = False
    compared.loc[tried, "after_holm"] = holm(compared.loc[tried, "p"].tolist())
    return compared.drop(columns="p")


def summary(compared: pd.DataFrame) -> str:
    """A Markdown table: for each cell and base, the base itself, the best of its changes against
    the repeat control, and how many changes are clearly above and below each control."""
    rows = []
    swept = compared[compared["base"] != "control"]
    for (name, n_pairs, base), part in swept.groupby([*CELL, "base"], sort=False):
        plain, best = part.iloc[0], part.loc[part["repeat"].idxmax()]
        counts = [
            f"{(part[column] > part[f'{column}_half']).sum()} / "
            f"{(part[column] < -part[f'{column}_half']).sum()}"
            for column in AGAINST.values()
        ]
        row = [name, f"{n_pairs:,}", base, *described(plain)]
        rows.append([*row, best["variant"], *described(best), str(len(part)), *counts])
    header = ["set", "N", "VAE", "base", "explains", "best change", "", "explains", "tried"]
    return markdown_table([*header, *(f"+/- {control}" for control in AGAINST)], rows)


def described(row: pd.Series) -> list[str]:
    """(difference from the repeat control, variance explained in percent)."""
    return [f"{row['repeat']:+.1f} ± {row['repeat_half']:.1f}", f"{round(row['explained'])} %"]


def draw(compared: pd.DataFrame):
    """A panel for each cell, a line for each change that was tried in any, with the variance
    explained beside it."""
    tried = set(zip(compared["base"], compared["variant"], strict=True))
    lines = [
        (base, one) for base, known in CHANGES.items() for one in known if (base, one) in tried
    ]
    heights = [index + (base != LENS) for index, (base, _) in enumerate(lines)]
    cells = [*compared.groupby(CELL, sort=False)]
    fig, axes = figures.figure(1, len(cells), height=0.19 * len(lines) + 1.1)
    for axis, ((name, n_pairs), part) in zip(axes.flat, cells, strict=True):
        known = part.set_index(["base", "variant"])
        for (base, variant), height in zip(lines, heights, strict=True):
            if (base, variant) not in known.index:
                continue
            row, look = known.loc[(base, variant)], METHODS[base].look
            axis.errorbar(row["repeat"], height, xerr=row["repeat_half"], color=look[0], fmt="o")
            axis.text(
                1.02,
                height,
                str(round(row["explained"])),
                transform=axis.get_yaxis_transform(),
                va="center",
                fontsize="small",
            )
        axis.axvline(0, color="black", linewidth=0.8)
        for control, style in LINES.items():
            level = known.loc[("control", control), "repeat"]
            axis.axvline(level, color="grey", linestyle=style, linewidth=1, label=control)
        lines_of_name = name.replace(", ", "\n")
        axis.set_title(f"{lines_of_name}\nN = {n_pairs:,}", fontsize="medium")
        axis.set_ylim(max(heights) + 0.7, -0.7)
        first = [next(iter(known)) for known in CHANGES.values()]
        labels = [f"{base}: {one}" if one in first else one for base, one in lines]
        axis.set_yticks(heights, labels=labels if axis is axes[0, 0] else [])
    fig.supxlabel(
        "points of accuracy against the repeat control; numbers: % of held-out variance explained",
        fontsize="medium",
    )
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper center", ncols=2)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", help="sweep.csv files of sweep.py")
    parser.add_argument("--again", metavar="FILE", help="only from differences")
    parser.add_argument("--out-dir", default="results/sweep")
    args = parser.parse_args()
    if args.again:
        compared = pd.read_csv(args.again)
    elif args.tables:
        compared = differences(pd.concat(map(pd.read_csv, args.tables), ignore_index=True))
        artifacts.write_table(Path(args.out_dir) / "sweep_map.csv", compared.round(2))
    else:
        raise LensError("give sweep.csv files, or --again sweep_map.csv.")
    print(summary(compared))
    figures.save(draw(compared), args.out_dir, "sweep_map")


if __name__ == "__main__":
    main()
