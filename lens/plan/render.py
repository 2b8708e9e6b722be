"""The plan for people: Markdown tables that read well in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lens.report.render import markdown_table

PARTS = ("weights", "activations", "cache", "optimiser", "total")


def section(title: str, head: str, rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A titled table; `head` has the names of its columns between bars."""
    table = markdown_table(head.split(" | "), rows)
    return f"## {title}\n\n{table}" + (f"\n{note}\n" if note else "")


def sections(plan: Mapping[str, Any]) -> Iterator[str]:
    """The tables of a plan."""
    stages, total = plan["stages"], plan["total"]
    longest = sorted(stages, key=lambda name: -stages[name]["seconds"])
    note = f"Of the disk, {size(total['temporary_bytes'])} is temporary."
    if plan["measured"]:
        note += f" Seconds are corrected by jobs run before: {', '.join(plan['measured'])}."
    yield section(
        f"Run {plan['run']} on {plan['machine']}",
        "stage | jobs | time of its jobs | off by up to | GPU hours | disk",
        [stage_row(name, stages[name]) for name in longest] + [stage_row("total", total)],
        note,
    )
    if plan["models"]:
        rows = [
            [
                f"{model['model']}, {model['use']}",
                number(model["parameters"] / 1e9),
                str(model["gpus"]),
                *(number(model[part] / 1e9) for part in PARTS),
                *(remedy or "fits" for remedy in model["remedies"].values()),
            ]
            for model in plan["models"]
        ]
        yield section(
            "GPU memory at the peak, GB on one GPU",
            f"model, use | 10^9 parameters | GPUs | {' | '.join(PARTS)} | in 40 GB | in 80 GB",
            rows,
            "At the longest texts; the total has 0.6 GB of CUDA's own. The last columns say what "
            "would make it fit. Reading halves its batches by itself when memory runs out; other "
            "jobs stop.",
        )
    if plan["too_small"]:
        yield section(
            "Jobs that ask for too little main memory or time",
            "job | asks for | needs",
            [[row["job"], row["allowed"], row["needed"]] for row in plan["too_small"]],
            "`mem_mb` is a setting of models, gold and textual in the config. Time: `shards` makes "
            "more and shorter jobs; or a longer `runtime`, by Snakemake's --set-resources.",
        )
    chain = plan["longest_chain"]
    rows = [[job["job"], duration(job["seconds"])] for job in chain["jobs"]]
    rows.append(["total", duration(chain["seconds"])])
    texts = ", ".join(plan["assumed"]["texts"])
    note = f"Lengths and numbers of texts are assumed: `plan.texts` of the config ({texts})."
    yield section("The longest chain", "job | time", rows, note)


def stage_row(name: str, stage: Mapping[str, Any]) -> list[str]:
    hours, disk = number(stage["gpu_hours"]), size(stage["disk_bytes"])
    error = f"{stage['error']:.1f}x"
    return [name, str(stage["jobs"]), duration(stage["seconds"]), error, hours, disk]


def check_section(compared: Mapping[str, Any]) -> str:
    """Predicted against measured seconds."""
    total = {"rule": "total", "jobs": "", "measured_jobs": "", **compared["total"]}
    rows = [
        [
            row["rule"],
            str(row["jobs"])
            if row["jobs"] == row["measured_jobs"]
            else f"{row['jobs']} (measured: {row['measured_jobs']})",
            f"{row['measured']:.1f}",
            f"{row['predicted']:.1f}",
            f"{row['ratio']:.2f}",
            f"{100 * row['measured'] / total['measured']:.1f} %",
        ]
        for row in (*compared["stages"], total)
        if total["measured"]
    ]
    notes = [
        f"{what}: {', '.join(compared[key])}."
        for key, what in (("only_planned", "Only planned"), ("only_measured", "Only measured"))
        if compared[key]
    ]
    head = "stage | jobs | measured s | predicted s | ratio | share"
    return section("Predicted against measured seconds", head, rows, " ".join(notes))


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def size(count: float) -> str:
    for unit, power in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{count:.0f} B"
