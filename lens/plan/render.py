"""The plan for people: tables as aligned text or as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def tables(plan: Mapping) -> list[Table]:
    """The tables of a plan."""
    found = [stages_table(plan)]
    if plan["models"]:
        found += memory_tables(plan["models"])
    found.append(chain_table(plan["longest_chain"]))
    if plan["beyond_runtime"]:
        found.append(runtime_table(plan["beyond_runtime"]))
    found.append(assumptions_table(plan["assumed"]))
    return found


def stages_table(plan: Mapping) -> Table:
    total = plan["total"]
    rows = [
        [name, *stage_cells(stage)]
        for name, stage in sorted(plan["stages"].items(), key=lambda item: -item[1]["seconds"])
    ]
    rows.append(["total", *stage_cells(total)])
    note = f"Of the disk, {size(total['temporary_bytes'])} is temporary."
    head = ["stage", "jobs", "time of its jobs", "GPU hours", "CPU hours", "disk"]
    return Table(f"Run {plan['run']} on {plan['machine']}", head, rows, note)


def stage_cells(stage: Mapping) -> list[str]:
    return [
        str(stage["jobs"]),
        duration(stage["seconds"]),
        number(stage["gpu_hours"]),
        number(stage["cpu_hours"]),
        size(stage["disk_bytes"]),
    ]


def memory_tables(models: Sequence[Mapping]) -> list[Table]:
    parts = ("weights", "activations", "kv_cache", "optimiser", "total")
    rows = [
        [
            model["model"],
            model["use"],
            number(model["parameters"] / 1e9),
            str(model["gpus"]),
            *(number(model[part] / 1e9) for part in parts),
        ]
        for model in models
    ]
    head = ["model", "use", "10^9 parameters", "GPUs", *parts]
    head[6] = "KV cache"
    note = (
        "Longest texts; `optimiser` is gradients and moments, the total has 0.6 GB of CUDA's own."
    )
    found = [Table("GPU memory at the peak, GB on one GPU", head, rows, note)]
    misfits = [
        [model["model"], model["use"], limit, model["would_fit"][limit]]
        for model in models
        for limit in model["too_large_for"]
    ]
    if misfits:
        head = ["model", "use", "does not fit in", "would fit with"]
        note = "Reading halves its batches by itself when memory runs out; the others stop."
        found.append(Table("What does not fit", head, misfits, note))
    return found


def chain_table(chain: Mapping) -> Table:
    rows = [[job["rule"], job["place"], duration(job["seconds"])] for job in chain["jobs"]]
    rows.append(["total", "", duration(chain["seconds"])])
    return Table("The longest chain", ["stage", "place", "time"], rows)


def runtime_table(jobs: Sequence[Mapping]) -> Table:
    rows = [
        [job["rule"], job["place"], number(job["hours"]), number(job["runtime_hours"])]
        for job in jobs
    ]
    head = ["stage", "place", "predicted hours", "hours allowed (`runtime`)"]
    note = (
        "Embedding, generation and scores: `shards` makes more and shorter jobs. Others: a longer "
        "`runtime`, by Snakemake's --set-resources."
    )
    return Table("Jobs that their time limit would end", head, rows, note)


def assumptions_table(assumed: Mapping) -> Table:
    keys = ("prompt", "answer", "written", "longest", "pairs")
    rows = [[name, *(str(text[key]) for key in keys)] for name, text in assumed["texts"].items()]
    head = ["dataset", "prompt", "answer", "written answer", "longest", "pairs"]
    return Table("Assumed of texts (tokens; `plan` in the config)", head, rows)


def check_table(compared: Mapping) -> Table:
    """Predicted against measured seconds."""
    rows = [
        [
            row["rule"],
            jobs(row),
            f"{row['measured']:.1f}",
            f"{row['predicted']:.1f}",
            f"{row['ratio']:.2f}",
            f"{100 * row['measured'] / compared['total']['measured']:.1f} %",
        ]
        for row in compared["stages"]
    ]
    total = compared["total"]
    if rows:
        cells = [f"{total['measured']:.1f}", f"{total['predicted']:.1f}", f"{total['ratio']:.2f}"]
        rows.append(["total", "", *cells, ""])
    notes = [
        f"{what}: {', '.join(compared[key])}."
        for key, what in (("only_planned", "Only planned"), ("only_measured", "Only measured"))
        if compared[key]
    ]
    head = ["stage", "jobs", "measured s", "predicted s", "ratio", "share"]
    return Table("Predicted against measured seconds", head, rows, " ".join(notes))


def jobs(row: Mapping) -> str:
    """Planned jobs; with the measured ones where they are others."""
    if row["jobs"] == row["measured_jobs"]:
        return str(row["jobs"])
    return f"{row['jobs']} (measured: {row['measured_jobs']})"


def as_text(found: Sequence[Table]) -> str:
    """Aligned columns, numbers to the right."""
    blocks = []
    for table in found:
        lines = [list(table.head), *map(list, table.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(table.head))]
        right = [i > 0 and is_number(table.rows, i) for i in range(len(table.head))]
        shown = [
            "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in lines
        ]
        blocks.append("\n".join([table.title, *shown, *([table.note] if table.note else [])]))
    return "\n\n".join(blocks) + "\n"


def as_markdown(found: Sequence[Table]) -> str:
    blocks = []
    for table in found:
        marks = [
            "---:" if i and is_number(table.rows, i) else "---" for i in range(len(table.head))
        ]
        lines = [table.head, marks, *table.rows]
        rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        blocks += [f"## {table.title}", rows, *([table.note] if table.note else [])]
    return "\n\n".join(blocks) + "\n"


def is_number(rows: Sequence[Sequence[str]], column: int) -> bool:
    return all(row[column][:1].isdigit() or not row[column] for row in rows)


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
