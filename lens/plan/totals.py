"""The plan: jobs, hours, bytes and memory of a run, summed over its jobs; and a finished run's
seconds for comparison."""

from collections.abc import Iterable, Mapping
from math import exp, log
from pathlib import Path
from typing import Any, NamedTuple

from lens.core.errors import LensError
from lens.plan.graph import Job, longest_chain, seconds_of
from lens.plan.rules import Work, work_of
from lens.plan.tasks import CONTEXT, CPU, GPU, Task
from lens.workflow.config import Config

TARGETS = ("paper", "all", "report", "plan", "prefetch")  # and what is not the run itself
SUMS = ("jobs", "seconds", "gpu_hours", "disk_bytes", "temporary_bytes")
# The factor by which seconds may be off: of a CPU's constants (docs/plan.md), of a GPU's, which
# nothing has checked, and of one job that was measured.
CPU_ERROR, GPU_ERROR, MEASURED_ERROR = 2.0, 3.0, 1.5
Kind = tuple[str, bool]  # a rule, and whether its job has several cells


class Cost(NamedTuple):
    """What a job is predicted to take, and by what factor that may be off."""

    job: Job
    work: Work
    seconds: float
    error: float

    @property
    def name(self) -> str:
        return f"{self.job.rule} {'/'.join(self.job.wildcards.values())}".strip()


def plan(jobs: Iterable[Job], config: Config, *, correct: bool = True) -> dict[str, Any]:
    """Everything that `lens plan` prints, as JSON values: seconds, hours and bytes.

    With `correct`, seconds of a rule are corrected by those of its jobs that have been run before.
    """
    jobs = [job for job in jobs if job.rule not in TARGETS]
    works = {job: work_of(job.rule, job.wildcards, config, job.gpus, job.cells) for job in jobs}
    seconds = {job: work.seconds(GPU if job.gpus else CPU) for job, work in works.items()}
    factors = corrections((kind(job), seconds[job], job.took) for job in jobs if correct)
    costs = {}
    for job in jobs:
        factor, error = factors.get(kind(job), (1.0, GPU_ERROR if job.gpus else CPU_ERROR))
        if job.needed:
            costs[job.number] = Cost(job, works[job], seconds[job] * factor, error)
    after = {n: [one for one in cost.job.after if one in costs] for n, cost in costs.items()}
    chain = longest_chain({number: cost.seconds for number, cost in costs.items()}, after)
    stages = stage_totals(costs.values())
    total = {key: sum(stage[key] for stage in stages.values()) for key in SUMS}
    worst = sum(stage["seconds"] * stage["error"] for stage in stages.values())
    return {
        "run": config.run,
        "stages": stages,
        "total": total | {"error": worst / total["seconds"] if total["seconds"] else 1.0},
        "measured": sorted({rule for rule, _ in factors} & stages.keys()),
        "models": model_memory(costs.values()),
        "too_small": [row for cost in costs.values() for row in too_small(cost)],
        "longest_chain": [{"job": costs[n].name, "seconds": costs[n].seconds} for n in chain],
        "assumed": config.plan.given(),
    }


def kind(job: Job) -> Kind:
    """What is comparable: in a job of one cell most seconds may be its start."""
    return job.rule, bool(job.cells)


def corrections(
    measured: Iterable[tuple[Kind, float, float | None]],
) -> dict[Kind, tuple[float, float]]:
    """{kind: (measured through predicted seconds, the factor that its jobs are off after that)} of
    (kind, predicted, measured) seconds."""
    ratios: dict[Kind, list[tuple[float, float]]] = {}
    for job_kind, seconds, took in measured:
        if took:
            ratios.setdefault(job_kind, []).append((seconds, took))
    factors = {}
    for job_kind, jobs in ratios.items():
        factor = sum(took for _, took in jobs) / sum(seconds for seconds, _ in jobs)
        off = max(exp(abs(log(took / seconds / factor))) for seconds, took in jobs)
        factors[job_kind] = factor, off if len(jobs) > 1 else MEASURED_ERROR
    return factors


def stage_totals(costs: Iterable[Cost]) -> dict[str, dict[str, float]]:
    """{rule: sums over its jobs, and the factor by which their seconds may be off}."""
    stages: dict[str, dict[str, float]] = {}
    for job, work, seconds, error in costs:
        row = stages.setdefault(job.rule, dict.fromkeys((*SUMS, "error"), 0))
        hours, temporary = job.gpus * seconds / 3600, work.disk if job.temporary else 0
        for key, value in zip(SUMS, (1, seconds, hours, work.disk, temporary), strict=True):
            row[key] += value
        row["error"] = max(row["error"], error)
    return stages


def model_memory(costs: Iterable[Cost]) -> list[dict[str, Any]]:
    """For every model and use of it, the most that a GPU must hold."""
    most: dict[tuple[str, str], Task] = {}
    for cost in costs:
        for task in cost.work.tasks if cost.job.gpus else ():
            key = task.model, f"{task.use}{', LoRA' if task.adapters else ''}"
            if key not in most or task.memory()["total"] > most[key].memory()["total"]:
                most[key] = task
    return [
        {"model": model, "use": use, "parameters": task.parameters, "gpus": task.gpus}
        | task.memory()
        for (model, use), task in sorted(most.items(), key=lambda item: item[0])
    ]


def too_small(cost: Cost) -> list[dict[str, str]]:
    """The job, what it is allowed and what it needs, where main memory or time is too small.

    Without a GPU, main memory holds all of a task; with GPUs, the weights once per process.
    """
    job, tasks = cost.job, cost.work.tasks
    loaded = [task.gpus * task.weights + CONTEXT for task in tasks]
    bytes_needed = max(loaded if job.gpus else [t.memory()["total"] for t in tasks], default=0)
    limits = [("mem_mb", job.mem_mb, bytes_needed / 1e6, "")]
    limits += [("runtime", job.runtime, cost.seconds / 60, " min")]
    return [
        {"job": cost.name, "allowed": f"{key} {limit}{unit}", "needed": f"{key} {needed:.0f}{unit}"}
        for key, limit, needed, unit in limits
        if limit and needed > limit
    ]


def measured(results: str | Path) -> dict[str, tuple[int, float]]:
    """{rule: (jobs, seconds of their last attempts)} of a run's folder, by Snakemake's benchmarks.
    LensError where there are none."""
    root = Path(results) / "benchmarks"
    stages: dict[str, tuple[int, float]] = {}
    for file in sorted(root.glob("**/*.jsonl")):
        rule = file.relative_to(root).with_suffix("").parts[0]
        jobs, seconds = stages.get(rule, (0, 0.0))
        stages[rule] = jobs + 1, seconds + (seconds_of(file) or 0)
    if not stages:
        raise LensError(
            f"{results}: no benchmarks/**/*.jsonl. Give the folder of a finished run, results/RUN."
        )
    return stages


def compare(plan: Mapping[str, Any], past: Mapping[str, tuple[int, float]]) -> list[dict[str, Any]]:
    """Stages with their predicted and measured jobs and seconds, the longest measured first; 0
    where only one of the two has a stage."""
    stages = plan["stages"]
    none = {"jobs": 0, "seconds": 0.0}
    rows = [
        {
            "rule": rule,
            "jobs": stages.get(rule, none)["jobs"],
            "predicted": stages.get(rule, none)["seconds"],
            "measured_jobs": past.get(rule, (0, 0))[0],
            "measured": past.get(rule, (0, 0.0))[1],
        }
        for rule in sorted(stages.keys() | past.keys())
    ]
    return sorted(rows, key=lambda row: -row["measured"])
