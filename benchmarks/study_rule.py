"""Does the default hold on data that nobody looked at? A rule, written before the run.

    python benchmarks/study.py --set NAME FOLDER --set OTHER FOLDER ... --n-pairs 50 100 300 1000 \\
        --seeds 20 --first-seed 1000 --variants repeat "repeat, centred" "repeat, centred, fast" \\
        "mean difference" "linear probe" "evidence probe" "evidence network" "LENS+" --out-dir rule
    python benchmarks/study_rule.py rule/study.csv --out-dir rule
    python benchmarks/study_rule.py more/study.csv --again docs/study_rule.csv --out-dir docs

--again takes up the cells of an earlier study_rule.csv; alone, it only judges and draws them.

A cell is a set at one N; its *rival* is the best, by its mean over the cell's seeds and so in
hindsight, of the mean difference, the linear probe, and the centred MLPs on repeated pairs (at the
published and at the faster rate). A default passes if

1. in no cell it is below the repeat control, nor below the rival: two-sided paired t tests over 20
   seeds at 5 %, corrected by Holm for the cells, each default and each comparison by itself;
2. its average over sets, a set being the average of its cells, is not below that of the best single
   one of the four and the repeat control, which the same averages choose.

Defaults: the evidence probe (that of `lens fit`), the evidence network, and LENS+. Seeds: 1000 to
1019, which no earlier choice has seen. Sets and N: all that are at hand, as far as pairs allow.
"""

import argparse
from pathlib import Path

import pandas as pd
from scipy.stats import t
from study_report import CONTROL, SETTING, cell, differences, holm, paired

from lens.core.errors import LensError
from lens.files import artifacts
from lens.report import figures
from lens.report.render import markdown_table
from lens.reward.methods import METHODS

RIVALS = ("mean difference", "linear probe", "repeat, centred", "repeat, centred, fast")
DEFAULTS = {
    "evidence probe": "evidence_probe",
    "evidence network": "evidence_network",
    "LENS+": "lens_plus",
}
RIVAL = "rival"


def with_rival(table: pd.DataFrame) -> pd.DataFrame:
    """The observations, and those of each cell's rival once more under that name."""
    means = table.groupby([*SETTING, "variant"], sort=False)["accuracy"].mean().unstack()
    best = means[list(RIVALS)].idxmax(axis=1).rename("best").reset_index()
    of_rival = table.merge(best, on=SETTING).query("variant == best")
    return pd.concat([table, of_rival.assign(variant=RIVAL)], ignore_index=True)


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell, default and comparison; the column `rival` names the cell's."""
    both = with_rival(table)
    named = both[both["variant"] == RIVAL].drop_duplicates(SETTING)[[*SETTING, "best"]]
    compared = pd.concat(
        [
            differences(both, [*DEFAULTS, *RIVALS, RIVAL], CONTROL),
            differences(both, [*DEFAULTS], RIVAL),
        ]
    )
    compared = compared.drop(columns="vae_variance_explained")  # no default has a VAE
    return compared.merge(named.rename(columns={"best": RIVAL}), on=SETTING).round(3)


def joined(earlier: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """The cells of both, corrected together: p-values follow from each mean, half and seeds."""
    order = {"by": ["set", "n_pairs"], "kind": "stable", "ignore_index": True}
    both = pd.concat([earlier, compared]).sort_values(**order)
    degrees = both["seeds"] - 1
    standard_errors = both["half"] / t.ppf(0.975, degrees)
    both["p"] = 2 * t.sf(both["mean"].abs() / standard_errors, degrees)
    both["p"] = both["p"].where(both["half"] > 0, 1.0)
    falls = both.groupby(["control", "variant"])["p"].transform(lambda p: holm(p.tolist()))
    return both.assign(after_holm=falls.astype(bool)).drop(columns="p")


def averages(compared: pd.DataFrame) -> pd.DataFrame:
    """For each default: its average over sets in percent, the best single other one, and the
    difference from it in points with half of the 95 % interval over sets."""
    part = compared[compared["control"] == CONTROL]
    percent = part.assign(percent=part["control_percent"] + part["mean"])
    by_cell = percent.pivot(index=["set", "n_pairs"], columns="variant", values="percent")
    by_cell[CONTROL] = part.groupby(["set", "n_pairs"])["control_percent"].first()
    by_set = by_cell.groupby("set").mean()
    single = by_set[[CONTROL, *RIVALS]].mean().idxmax()
    rows = []
    for name in DEFAULTS:
        mean, half = paired(by_set[name] / 100, by_set[single] / 100)
        about = {"percent": by_set[name].mean(), "single": single, "mean": mean, "half": half}
        rows.append({"variant": name, "sets": len(by_set)} | about)
    return pd.DataFrame(rows)


def verdicts(compared: pd.DataFrame) -> list[str]:
    """A line for each default: in how many cells it is below and above, and whether it passes."""
    lines = []
    for row in averages(compared).itertuples():
        counts, failed = [], row.mean < 0
        for control in (CONTROL, RIVAL):
            part = compared[(compared["variant"] == row.variant) & (compared["control"] == control)]
            below, above = part[part["mean"] < 0], part[part["mean"] > 0]
            counts.append(
                f"{control}: below in {below['after_holm'].sum()} of {len(part)} cells "
                f"({below['excludes_0'].sum()} before correction), above in "
                f"{above['after_holm'].sum()} ({above['excludes_0'].sum()})"
            )
            failed |= below["after_holm"].any()
        lines.append(
            f"{row.variant}: {'FAILS' if failed else 'passes'}. {'; '.join(counts)}; average over "
            f"{row.sets} sets {row.percent:.2f} %, {row.mean:+.2f} ± {row.half:.2f} from "
            f"{row.single}."
        )
    return lines


def rows_of_cells(compared: pd.DataFrame) -> str:
    """A Markdown table: a row for each cell, with the rival against the repeat control, and the
    evidence probe and LENS+ against both."""
    shown = compared[compared["variant"].isin([RIVAL, "evidence probe", "LENS+"])]
    rows = []
    for (name, n_pairs), part in shown.groupby(["set", "n_pairs"], sort=False):
        of = {
            (one.variant, one.control): cell(
                one.mean, one.half, one.excludes_0, one.after_holm
            ).replace(" ", "")
            for one in part.itertuples()
        }
        first = part.iloc[0]
        row = [name, f"{n_pairs:,}", f"{first['control_percent']:.1f}", first[RIVAL]]
        probe, plus = (
            [of[variant, control] for control in (CONTROL, RIVAL)]
            for variant in ("evidence probe", "LENS+")
        )
        rows.append([*row, of[RIVAL, CONTROL], *probe, *plus])
    names = [f"{one}, vs {control}" for one in ("probe", "LENS+") for control in (CONTROL, RIVAL)]
    return markdown_table(["set", "N", f"{CONTROL}, %", RIVAL, "rival, vs repeat", *names], rows)


def draw(compared: pd.DataFrame):
    """A row of panels for each N that at least half of the sets have, against the repeat control
    and against the rival; a line for each set."""
    tried = compared.groupby("n_pairs")["set"].nunique()
    sizes = [*tried.index[tried >= compared["set"].nunique() / 2]]
    fig, axes = figures.figure(len(sizes), 2, height=0.2 * compared["set"].nunique() + 0.6)
    for across, size in zip(axes, sizes, strict=True):
        sets = [*compared.loc[compared["n_pairs"] == size, "set"].unique()]
        for axis, control in zip(across, (CONTROL, RIVAL), strict=True):
            shown = compared[(compared["control"] == control) & (compared["n_pairs"] == size)]
            for shift, (variant, method) in enumerate(DEFAULTS.items()):
                part, look = shown[shown["variant"] == variant], METHODS[method].look
                axis.errorbar(
                    part["mean"],
                    [sets.index(name) + 0.25 * (shift - 1) for name in part["set"]],
                    xerr=part["half"],
                    color=look[0],
                    marker=look[2],
                    markersize=3,
                    linestyle="none",
                    label=variant,
                )
            axis.axvline(0, color="black", linewidth=0.8)
            axis.set_title(f"N = {size:,}, against the {control}", fontsize="medium")
            axis.set_ylim(len(sets) - 0.5, -0.5)
            axis.set_yticks(range(len(sets)), labels=sets if control == CONTROL else [])
    fig.supxlabel("points of accuracy", fontsize="medium")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(DEFAULTS))
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", help="study.csv files")
    parser.add_argument("--again", metavar="FILE", help="the cells of this study_rule.csv, too")
    parser.add_argument("--out-dir", default="results/study")
    args = parser.parse_args()
    if not args.tables and not args.again:
        raise LensError("give study.csv files, --again study_rule.csv, or both.")
    compared = pd.read_csv(args.again) if args.again else pd.DataFrame()
    if args.tables:
        found = cells(pd.concat(map(pd.read_csv, args.tables), ignore_index=True))
        compared = joined(compared, found) if args.again else found
        artifacts.write_table(Path(args.out_dir) / "study_rule.csv", compared)
    print(rows_of_cells(compared), *verdicts(compared), sep="\n")
    figures.save(draw(compared), args.out_dir, "study_rule")


if __name__ == "__main__":
    main()
