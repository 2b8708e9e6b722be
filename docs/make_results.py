"""Puts what the last `make real` has found into docs/results.md and README.md, between their marks.

python docs/make_results.py RUN [RUN ...]

RUN is `real` or `real_pool`, whose results must be whole; README.md shows rows of the first.
"""

import ast
import hashlib
import json
import os
import platform
import sys
from collections import defaultdict
from pathlib import Path

import yaml

from lens.files.artifacts import read_json, versions, write_text
from lens.paper.method_names import method_name
from lens.report.render import markdown_table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
BEGIN, END = "<!-- from make real -->\n", "<!-- to here -->\n"
ROWS = [("original", 1), ("repeat", 4), ("lens", 4), ("lens_converged", 4), ("evidence_probe", 1)]
TABLES = ("table_1", "table_4")


def settings_stamp(runs, root=ROOT):
    """Of what decides the run: its configs without comments, and the sizes of the data's parts."""
    configs = [
        yaml.safe_load((root / f"workflow/configs/{run}.yaml").read_text(encoding="utf-8"))
        for run in runs
    ]
    script = ast.parse((root / "benchmarks/real_data.py").read_text(encoding="utf-8"))
    sizes = [ast.unparse(node) for node in script.body if isinstance(node, ast.Assign)]
    return hashlib.sha256(json.dumps([configs, sizes]).encode()).hexdigest()[:12]


def cost_table(runs):
    """CPU minutes of each stage's jobs, start-up and stopped ones included."""
    spent = defaultdict(float)
    for run in runs:
        for file in sorted((RESULTS / run).rglob("cost.json")):
            stage = file.relative_to(RESULTS / run).parts[0]
            spent[run, stage] += read_json(file)["cpu_seconds"] / 60
    rows = [[run, f"`{stage}`", f"{minutes:.1f}"] for (run, stage), minutes in spent.items()]
    return markdown_table(["run", "stage", "CPU minutes"], rows)


def texts(runs):
    """How many texts each model read, and how many of them were cut."""
    rows = []
    for run in runs:
        for file in sorted((RESULTS / run).glob("embed_*/*/*/metrics.json")):
            stage, dataset, model = file.relative_to(RESULTS / run).parts[:3]
            counts = [f"{read_json(file)['metrics'][key]:,}" for key in COUNTED]
            rows.append([run, f"`{stage}`", dataset, model, *counts])
    return markdown_table(["run", "stage", "data", "model", "texts", "tokens", "cut"], rows)


COUNTED = ("texts", "tokens", "texts_shortened")


def gold_line():
    card = read_json(RESULTS / "real_inputs/gold_head/config.json")
    held = card["held_out"]["accuracy"]
    mean, low, high = (100 * held[name] for name in ("mean", "low", "high"))
    return (
        f"Gold model of `real.yaml`: Gemma 3 270M with a linear head, trained on "
        f"{card['data']['pairs']} human pairs of other prompts. Held-out accuracy by prompt: "
        f"{mean:.1f} % [{low:.1f}, {high:.1f}]."
    )


def page(runs):
    own, stamp = versions(), settings_stamp(runs)
    commit = (RESULTS / "real_inputs/commit.txt").read_text(encoding="utf-8").strip()
    parts = [
        f"Runs: {', '.join(runs)}. Settings: {stamp}. Commit {commit}; {os.cpu_count()} cores, "
        f"{platform.machine()}, Python {own['python']}, torch {own['torch']}, transformers "
        f"{own['transformers']}.",
        *([gold_line()] if "real" in runs else []),
        cost_table(runs),
        texts(runs),
    ]
    for run in runs:
        paper = RESULTS / run / "paper"
        tables = [file for name in TABLES if (file := paper / f"{name}.md").is_file()]
        parts += [f"### {run}.yaml", *(file.read_text(encoding="utf-8").strip() for file in tables)]
    return "\n\n".join(parts)


def first_table(run):
    """The five rows of README.md, of Table 1's first model at its largest N."""
    blocks = (RESULTS / run / "paper/table_1.md").read_text(encoding="utf-8").split("\n**")
    model = blocks[0].split(", ")[1]
    block = [block for block in blocks if block.split(", ")[1:2] == [model]][-1]
    lines = [line for line in block.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [[cell.strip("\N{DAGGER}") for cell in row] for row in cells]
    of_row = {(row[0], row[1]): row for row in rows}
    chosen = [rows[0], *(of_row[method_name(method), f"{scale}x"] for method, scale in ROWS)]
    pairs, gold = (rows[0].index(name) for name in ("pair accuracy %", "gold reward"))
    shown = (0, 1, pairs, pairs + 1, gold, gold + 1)
    header, *rows = [[row[column] for column in shown] for row in chosen]
    return markdown_table(header, rows)


def put(page, block):
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    write_text(page, f"{before}{BEGIN}\n{block.strip()}\n\n{END}{after}")


def main(*runs):
    put(ROOT / "docs/results.md", page(runs))
    put(ROOT / "README.md", first_table(runs[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
