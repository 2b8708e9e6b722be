"""The plan for people: Markdown tables that read well in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lens.report.render import markdown_table

PARTS = ("weights", "optimiser", "total")


def section(title: str, head: str, rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A titled table; `head` has the names of its columns between bars."""
    table = markdown_table(head.split(" | "), rows)
    return f"## {title}\n\n{table}" + (f"\n{note}\n" if note else "")


def sections(plan: Mapping[str, Any]) -> Iterator[str]:
    """The tables of a plan."""
    stages, total = plan["stages"], plan["total"]
    longest = sorted(stages, key=lambda name: -stages[name]["seconds"])
    rows = []
    for name in (*longest, "total"):
        stage = {**stages, "total": total}[name]
        hours, disk = number(stage["gpu_hours"]), size(stage["disk_bytes"])
        times = duration(stage["seconds"]), f"{stage['error']:.1f}x"
        rows.append([name, str(stage["jobs"]), *times, hours, disk])
    note = f"Of the disk, {size(total['temporary_bytes'])} is temporary."
    if plan["measured"]:
        note += f" Seconds are corrected by jobs run before: {', '.join(plan['measured'])}."
    yield section(
        f"Run {plan['run']}",
        "stage | jobs | time of its jobs | off by up to | GPU hours | disk",
        rows,
        note,
    )
    if plan["models"]:
        rows = []
        for model in plan["models"]:
            sizes = [number(model[part] / 1e9) for part in ("parameters", *PARTS)]
            rows.append([f"{model['model']}, {model['use']}", str(model["gpus"]), *sizes])
        head = f"model, use | GPUs | 10^9 parameters | {' | '.join(PARTS)}"
        note = (
            "The total has 0.6 GB of CUDA's own. Activations and caches come on top: they grow "
            "with batches and texts. Reading halves its batches by itself when memory runs out."
        )
        yield section("GPU memory of the models, GB on one GPU", head, rows, note)
    if plan["too_small"]:
        yield section(
            "Jobs that ask for too little main memory or time",
            "job | asks for | needs",
            [[row["job"], row["allowed"], row["needed"]] for row in plan["too_small"]],
            "`mem_mb` is a setting of models, gold and textual in the config. Time: `shards` makes "
            "more and shorter jobs; or a longer `runtime`, by Snakemake's --set-resources.",
        )
    chain = plan["longest_chain"]
    rows = [[job["job"], duration(job["seconds"])] for job in chain]
    rows.append(["total", duration(sum(job["seconds"] for job in chain))])
    texts = ", ".join(plan["assumed"]["texts"])
    note = f"Lengths and numbers of texts are assumed: `plan.texts` of the config ({texts})."
    yield section("The longest chain", "job | time", rows, note)


def check_section(rows: Sequence[Mapping[str, Any]]) -> str:
    """Predicted and measured seconds; the total is over what both have."""
    both = [row for row in rows if row["jobs"] and row["measured_jobs"]]
    keys = ("jobs", "measured_jobs", "predicted", "measured")
    total = {"rule": "total of both", **{key: sum(row[key] for row in both) for key in keys}}
    head = "stage | jobs | measured jobs | predicted s | measured s | ratio"
    table = []
    for row in (*rows, total):
        seconds = [row["predicted"], row["measured"]]
        ratio = f"{seconds[0] / seconds[1]:.2f}" if seconds[1] else "-"
        jobs = str(row["jobs"]), str(row["measured_jobs"])
        table.append([row["rule"], *jobs, *(f"{value:.1f}" for value in seconds), ratio])
    return section("Predicted against measured seconds", head, table)


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def size(count: float) -> str:
    for unit, power in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{count:.0f} B"
