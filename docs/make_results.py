"""Puts what the last `make real` has found into docs/results.md and README.md, between their marks.

python docs/make_results.py RUN [RUN ...]

RUN is `real` or `real_pool`, whose results must be whole; README.md and the page show rows of the
first, and of the other how far they lie from their controls. Or RUN is `real_text`, alone: the page
then shows the tables of the last `make real-text`.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import sys
from collections import defaultdict
from pathlib import Path

import pandas as pd
import yaml

from lens.core.intervals import crossed_interval
from lens.files.artifacts import read_json, versions, write_table, write_text
from lens.files.cost import processor
from lens.paper.cells import EXPLAINED, read_cells
from lens.paper.method_names import method_name
from lens.report.render import markdown_table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
BEGIN, END = "<!-- from make real -->\n", "<!-- to here -->\n"
BEGIN_TEXT = "<!-- from make real-text -->\n"
ROWS = [("original", 1), ("repeat", 4), ("lens", 4), ("lens_converged", 4), ("evidence_probe", 1)]
SHOWN = 300  # labelled pairs
NAMES = {"gemma": "Gemma 3 270M"}  # of folders that real_folder.py makes


def settings_stamp(runs, root=ROOT):
    """Of what decides the run: its configs without comments and without what `lens plan` assumes,
    and the sizes of the data's parts."""
    configs = [
        yaml.safe_load((root / f"workflow/configs/{run}.yaml").read_text(encoding="utf-8"))
        for run in runs
    ]
    configs = [{key: part for key, part in config.items() if key != "plan"} for config in configs]
    script = ast.parse((root / "benchmarks/real_data.py").read_text(encoding="utf-8"))
    sizes = [ast.unparse(node) for node in script.body if isinstance(node, ast.Assign)]
    return hashlib.sha256(json.dumps([configs, sizes]).encode()).hexdigest()[:12]


def cost_line(runs):
    """CPU minutes of each stage's jobs, start-up and stopped ones included; short stages in sum."""
    spent = defaultdict(float)
    for run in runs:
        for file in sorted((RESULTS / run).rglob("cost.json")):
            stage = file.relative_to(RESULTS / run).parts[0]
            spent[stage] += read_json(file)["cpu_seconds"] / 60
    long = [f"`{stage}` {minutes:.0f}" for stage, minutes in spent.items() if minutes >= 1]
    return f"CPU minutes: {sum(spent.values()):.0f} in total; {', '.join(long)}."


def text_lines(runs):
    """How many texts the models of each run read, and how many of them were cut."""
    for run in runs:
        counts = defaultdict(lambda: [0] * len(COUNTED))
        for file in sorted((RESULTS / run).glob("embed_*/*/*/metrics.json")):
            metrics, stage = read_json(file)["metrics"], file.relative_to(RESULTS / run).parts[0]
            counts[stage] = [
                a + metrics[key] for a, key in zip(counts[stage], COUNTED, strict=True)
            ]
        for stage, (texts, tokens, cut) in counts.items():
            yield f"- {run}, `{stage}`: {texts:,} texts, {tokens:,} tokens, {cut:,} cut."


COUNTED = ("texts", "tokens", "texts_shortened")


def gold_line():
    card = read_json(RESULTS / "real_inputs/gold/config.json")
    held = card["held_out"]["accuracy"]
    mean, low, high = (100 * held[name] for name in ("mean", "low", "high"))
    folder = Path(card["encoder"]["model"]).name
    head = "a linear head" if card["linear"] else "an MLP"
    return (
        f"Gold model of `real.yaml`: {NAMES.get(folder, folder)} with {head}, trained on "
        f"{card['data']['pairs']:,} human pairs of other prompts. Held-out accuracy by prompt: "
        f"{mean:.1f} % [{low:.1f}, {high:.1f}]."
    )


def run_line(runs, about):
    """Of runs, and of the folder that notes their commits."""
    own, stamp = versions(), settings_stamp(runs)
    commits = (RESULTS / about / "commit.txt").read_text(encoding="utf-8").split()
    listed = ", ".join(dict.fromkeys(commits))
    return (
        f"Runs: {', '.join(runs)}. Settings: {stamp}. Commit {listed}; {os.cpu_count()} cores "
        f"({processor()}), Python {own['python']}, torch {own['torch']}, transformers "
        f"{own['transformers']}."
    )


def text_page():
    """LENS and text space in Table 1, at the largest scale; not what the VAE explains."""
    [(title, table)] = blocks("real_text")
    header, rows = columns(at_largest_scale(table))
    rows = [row for row in rows if not row[0].startswith(("Original", "Repeat", "Evidence"))]
    parts = [
        run_line(["real_text"], "real_text"),
        cost_line(["real_text"]),
        f"**{title.split(', ', 2)[-1]}**",
        markdown_table(header[:-1], [row[:-1] for row in rows]),
        "[Every scale and column](results_real_text.csv), [Table 3](results_real_text_3.csv).",
    ]
    return "\n\n".join(part.strip() for part in parts)


def answers():
    """Table 3 of the run in text space, without the paper's columns."""
    [(_, (header, *rows))] = list(parsed(read_paper("real_text", "table_3")))
    return pd.DataFrame(rows, columns=header).drop(columns="paper")


def page(runs):
    parts = [
        run_line(runs, "real_inputs"),
        *([gold_line()] if "real" in runs else []),
        cost_line(runs),
        "\n".join(text_lines(runs)),
    ]
    for run in runs:
        parts.append(f"### {run}.yaml")
        shown = of_a_few_hundred(blocks(run))
        # What two tables say in the same words is said once.
        parts += [
            f"**{title}**"
            for title in dict.fromkeys(title.split(", ", 2)[-1] for title, _ in shown)
        ]
        if run == runs[0]:
            parts.append(markdown_table(*columns(at_largest_scale(shown[0][1]))))
            parts.append(f"![Gold reward minus the control's, by N](results_{run}.png)")
        else:
            parts.append(markdown_table(*side_by_side(shown)))
        parts.append(picks_line(run))
        parts.append(f"[Every N, scale and column](results_{run}.csv).")
    return "\n\n".join(part.strip() for part in parts)


def picks_line(run):
    """How much better than a random candidate the picks are, on the same prompts: no control."""
    parts = defaultdict(list)
    for method, scale in (ROWS[0], ROWS[2], ROWS[4]):
        for folder in sorted((RESULTS / run).glob(f"best_of_n/*/*/n{SHOWN}/{method}/x{scale}")):
            (cell,) = read_cells([folder])
            gain = crossed_interval(cell.gold - cell.gold_curve[:, :, 0])
            parts[", ".join(folder.relative_to(RESULTS / run).parts[1:3])].append(
                f"{method_name(method)} {scale}x {gain.mean:+.3f} "
                f"[{gain.low:+.3f}, {gain.high:+.3f}]"
            )
    listed = [f"- {cell}: {'; '.join(gains)}." for cell, gains in parts.items()]
    return "\n".join(["Gold reward of the picks above that of a random candidate:", "", *listed])


def blocks(run):
    """(title, rows of cells, the header first) of each block of the run's Table 1."""
    tables = parsed(read_paper(run, "table_1"))
    return [each for each in tables if each[1][0][0] == "method"]  # not the paper's


def read_paper(run, table):
    return (RESULTS / run / f"paper/{table}.md").read_text(encoding="utf-8")


def parsed(text):
    """(title, rows of cells, the header first) of each titled table of a Markdown text."""
    for title, lines in re.findall(r"^\*\*(.+?)\*\*\n\n((?:\|.*\n)+)", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.split("\n")]
        yield title, [row for row in rows[:-1] if not row[0].startswith(":--")]


def of_a_few_hundred(tables):
    """The blocks of the N that the pages show: people who have few labels have about so many."""
    return [
        (title, table) for title, table in tables if title.split(":")[0].endswith(f" N = {SHOWN}")
    ]


def at_largest_scale(table):
    """The header, and rows of the largest scale and of methods without synthesis."""
    header, *rows = table
    largest = max((row[1] for row in rows), key=lambda scale: int(scale.strip("x")))
    return [header, *(row for row in rows if row[1] in ("1x", largest))]


def columns(table):
    """The header and the rows: method, scale, pair accuracy, gold reward and their differences, and
    what LENS's VAE explains."""
    names = ("pair accuracy %", "gold reward", EXPLAINED)
    pairs, gold, explained = (table[0].index(name) for name in names)
    shown = (0, 1, pairs, pairs + 1, gold, gold + 1, explained)
    header, *rows = [[row[column] for column in shown] for row in table]
    return header, rows


def side_by_side(tables):
    """The header and the rows: a method of ROWS, and its pair accuracy with the difference to
    repeat in each titled table."""
    cells, names = defaultdict(list), []
    for title, table in tables:
        names.append(", ".join(title.split(", ")[:2]))
        for row in columns(rows_of_the_readme(at_largest_scale(table)))[1]:
            accuracy, share = row[2].split(" [")[0], f", VAE {row[-1]} %" * (row[-1] != "-")
            mark = "\N{DAGGER}" * row[0].endswith("\N{DAGGER}")
            cells[row[0].strip("\N{DAGGER}"), row[1]].append(f"{accuracy}{mark} ({row[3]}){share}")
    return ["method", "scale", *names], [[*key, *row] for key, row in cells.items()]


def all_rows(run):
    """The run's tables whole: each difference is named after the column before it."""
    tables = []
    for title, (header, *rows) in blocks(run):
        names = [
            f"{header[i - 1]} {name}" if name == "vs repeat" else name
            for i, name in enumerate(header)
        ]
        setting = title.split(":")[0]
        tables.append(pd.DataFrame(rows, columns=names).assign(setting=setting))
    return pd.concat(tables).set_index("setting").reset_index()


def first_table(run):
    """The five rows of README.md, of Table 1's first model."""
    _, table = of_a_few_hundred(blocks(run))[0]
    plain = [[cell.strip("\N{DAGGER}") for cell in row] for row in table]
    return markdown_table(*columns(rows_of_the_readme(plain)))


def rows_of_the_readme(table):
    """The header, and the rows of ROWS."""
    by_name = {(row[0].strip("\N{DAGGER}"), row[1]): row for row in table}
    return [table[0], *(by_name[method_name(method), f"{scale}x"] for method, scale in ROWS)]


def put(page, block, begin=BEGIN):
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(begin)
    after = rest.split(END, 1)[1]
    write_text(page, f"{before}{begin}\n{block.strip()}\n\n{END}{after}")


def main(*runs):
    for run in runs:
        write_table(ROOT / f"docs/results_{run}.csv", all_rows(run))
    if runs == ("real_text",):
        write_table(ROOT / "docs/results_real_text_3.csv", answers())
        put(ROOT / "docs/results.md", text_page(), BEGIN_TEXT)
        return
    shutil.copyfile(RESULTS / runs[0] / "paper/overview.png", ROOT / f"docs/results_{runs[0]}.png")
    put(ROOT / "docs/results.md", page(runs))
    put(ROOT / "README.md", f"{first_table(runs[0])}\n{gold_line()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
