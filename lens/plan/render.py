"""The plan for people: Markdown tables that read well in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lens.report.render import duration, markdown_table, size


def section(title: str, head: str, rows: Sequence[Sequence[str]], note: str) -> str:
    """A titled table; `head` has the names of its columns between bars."""
    return f"## {title}\n\n{markdown_table(head.split(' | '), rows)}\n{note}\n"


def sections(plan: Mapping[str, Any]) -> Iterator[str]:
    """The tables of a plan."""
    total, rows = plan["total"], []
    longest = sorted(plan["stages"].items(), key=lambda item: -item[1]["seconds"])
    for name, stage in (*longest, ("total", total)):
        times = duration(stage["seconds"]), f"{stage['error']:.1f}x", number(stage["gpu_hours"])
        rows.append([name, str(stage["jobs"]), *times, size(stage["disk_bytes"])])
    note = f"Of the disk, {size(total['temporary_bytes'])} is temporary."
    if plan["measured"]:
        factors = ", ".join(f"{rule} {factor:.2f}" for rule, factor in plan["measured"].items())
        note += f" Seconds are corrected by jobs run before (measured / predicted: {factors})."
    head = "stage | jobs | time of its jobs | off by up to | GPU hours | disk"
    yield section(f"Run {plan['run']}", head, rows, note)
    if plan["models"]:
        rows = []
        for model in plan["models"]:
            sizes = [number(model[part] / 1e9) for part in ("parameters", "bytes")]
            rows.append([f"{model['model']}, {model['use']}", str(model["gpus"]), *sizes])
        yield section(
            "GPU memory of the models",
            "model, use | GPUs | 10^9 parameters | GB on one GPU",
            rows,
            "0.6 GB are CUDA's own. Activations and caches come on top: they grow with batches and "
            "texts. Reading halves its batches by itself when memory runs out.",
        )
    if plan["too_small"]:
        yield section(
            "Jobs that ask for too little main memory or time",
            "job | asks for | needs",
            [list(row.values()) for row in plan["too_small"]],
            "`mem_mb` is a setting of models, gold, textual and theory in the config. `runtime` is "
            "minutes; `shards` makes jobs shorter, Snakemake's --set-resources the limit longer.",
        )
    chain = plan["longest_chain"]
    whole = {"job": "total", "seconds": sum(job["seconds"] for job in chain)}
    rows = [[job["job"], duration(job["seconds"])] for job in (*chain, whole)]
    note = "Lengths and numbers of texts are assumed: `plan.texts` of the config."
    yield section("The longest chain", "job | time", rows, note)


def check(plan: Mapping[str, Any]) -> str:
    """Predicted and measured seconds of the jobs that have been run, the longest rules first."""
    longest = sorted(plan["checked"].items(), key=lambda item: -item[1][1])
    total = [sum(seconds) for seconds in zip(*plan["checked"].values(), strict=True)]
    rows = [
        [name, *map(duration, seconds), f"{seconds[0] / seconds[1]:.2f}"]
        for name, seconds in (*longest, *([("total", total)] if total else []))
    ]
    head = "stage | predicted | measured | predicted / measured"
    return section(f"Run {plan['run']}, its finished jobs", head, rows, "Nothing is corrected.")


def number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
