"""The plan: jobs, hours, bytes and memory of a run, summed over its jobs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from math import exp, log
from typing import Any

from lens.plan.graph import Job
from lens.plan.rules import CONTEXT, Work
from lens.workflow.config import Config

TARGETS = ("paper", "all", "report", "plan", "prefetch")  # and what is not the run itself
SUMS = ("jobs", "seconds", "gpu_hours", "disk_bytes", "temporary_bytes")
MEASURED_ERROR = 1.5  # the factor by which seconds may be off where one job was measured


def plan(
    jobs: Iterable[Job], config: Config, earlier: Iterable[tuple[Iterable[Job], Config]] = ()
) -> dict[str, Any]:
    """Everything that `lens plan` prints, as JSON values. Seconds of a rule are corrected by those
    of its jobs that have been run before, in this run or in earlier ones; `checked` has predicted
    and measured seconds of this run's, not corrected."""
    works = [Work(config, job) for job in jobs if job.rule not in TARGETS]
    past = [Work(run, job) for jobs_of_run, run in earlier for job in jobs_of_run if job.took]
    factors = corrections([*works, *past])
    checked: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for work in works:
        if work.job.took:
            seen = checked[work.job.rule]
            seen[:] = seen[0] + work.seconds, seen[1] + work.job.took
    left = {work.job.number: work for work in works if work.job.needed}
    for work in left.values():
        factor, work.error = factors.get(work.kind, (1.0, work.error))
        work.seconds *= factor
    stages = stage_totals(left.values())
    total = {key: sum(stage[key] for stage in stages.values()) for key in SUMS}
    worst = sum(stage["seconds"] * stage["error"] for stage in stages.values())
    return {
        "run": config.run,
        "stages": stages,
        "total": total | {"error": worst / total["seconds"] if total["seconds"] else 1.0},
        "measured": {rule: factor for (rule, *_), (factor, _) in factors.items() if rule in stages},
        "checked": checked,
        "models": model_memory(left.values()),
        "too_small": [row for work in left.values() for row in too_small(work)],
        "longest_chain": [{"job": w.job.name, "seconds": w.seconds} for w in longest_chain(left)],
    }


def longest_chain(works: Mapping[int, Work]) -> list[Work]:
    """Those, first to last, that wait for one another and take longest."""
    after = {n: [one for one in work.job.after if one in works] for n, work in works.items()}
    chains: dict[int, tuple[float, list[int]]] = {}
    for number in TopologicalSorter(after).static_order():
        start, before = max((chains[one] for one in after[number]), default=(0.0, []))
        chains[number] = start + works[number].seconds, [*before, number]
    return [works[number] for number in max(chains.values(), default=(0.0, []))[1]]


def corrections(works: Iterable[Work]) -> dict[tuple, tuple[float, float]]:
    """{kind: (measured through predicted seconds, the factor that its jobs are off after that)}."""
    measured: dict[tuple, list[tuple[float, float]]] = defaultdict(list)
    for work in works:
        if work.job.took:
            measured[work.kind].append((work.job.took, work.seconds))
    factors = {}
    for kind, jobs in measured.items():
        factor = sum(took for took, _ in jobs) / sum(seconds for _, seconds in jobs)
        off = max(exp(abs(log(took / seconds / factor))) for took, seconds in jobs)
        factors[kind] = factor, off if len(jobs) > 1 else MEASURED_ERROR
    return factors


def stage_totals(works: Iterable[Work]) -> dict[str, dict[str, float]]:
    """{rule: sums over its jobs, and the factor by which their seconds may be off}."""
    stages: dict[str, dict[str, float]] = {}
    for work in works:
        job, seconds = work.job, work.seconds
        kept = work.saved if job.rule.startswith(("embed_", "train_")) else 0
        disk = kept or 1e5 * max(1, len(job.cells))  # or a guess
        row = stages.setdefault(job.rule, dict.fromkeys((*SUMS, "error"), 0))
        values = 1, seconds, job.gpus * seconds / 3600, disk, disk * job.temporary
        row |= {key: row[key] + value for key, value in zip(SUMS, values, strict=True)}
        row["error"] = max(row["error"], work.error)
    return stages


def model_memory(works: Iterable[Work]) -> list[dict[str, Any]]:
    """For every model and use of it, the most that a GPU must hold."""
    models = (model for work in works if work.job.gpus for model in work.models)
    by_size = sorted(models, key=lambda model: model["bytes"])
    most = {(model["model"], model["use"]): model for model in by_size}
    return [most[key] for key in sorted(most)]


def too_small(work: Work) -> Iterator[dict[str, str]]:
    """The job, what it asks for and what it needs, where main memory or time is too small. Without
    a GPU, main memory holds all of a model; with GPUs, the weights once per process."""
    job = work.job
    loaded = [one["gpus"] * one["weights"] + CONTEXT for one in work.models]
    held = max([*(loaded if job.gpus else [one["bytes"] for one in work.models]), work.arrays])
    limits = ("mem_mb", job.mem_mb, held / 1e6), ("runtime", job.runtime, work.seconds / 60)
    for key, limit, needed in limits:
        if limit and needed > limit:
            yield {"job": job.name, "allowed": f"{key} {limit}", "needed": f"{key} {needed:.0f}"}
