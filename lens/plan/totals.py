"""The plan: jobs, hours, bytes and memory of a run, summed over its jobs; and a
finished run's seconds beside it."""

from collections.abc import Iterable, Mapping
from math import exp, log
from pathlib import Path
from typing import Any, NamedTuple

from lens.core.errors import LensError
from lens.plan.graph import Job, longest_chain, seconds_of
from lens.plan.machines import DEVICES
from lens.plan.rules import Work, work_of
from lens.plan.tasks import CONTEXT, Task
from lens.workflow.config import Config

TARGETS = ("paper", "all", "report", "plan", "prefetch")  # and what is not the run itself
SUMS = ("jobs", "seconds", "gpu_hours", "disk_bytes", "temporary_bytes")
# The factor by which seconds may be off: of a CPU's constants (docs/plan.md), of a GPU's, which
# nothing has checked, and of one job that was measured.
CPU_ERROR, GPU_ERROR, MEASURED_ERROR = 2.0, 3.0, 1.5


class Cost(NamedTuple):
    """What a job is predicted to take."""

    job: Job
    work: Work
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.job.rule} {'/'.join(self.job.wildcards.values())}".strip()


def plan(
    jobs: Iterable[Job], config: Config, machine: str | None = None, *, correct: bool = True
) -> dict[str, Any]:
    """Everything that `lens plan` prints, as JSON values: seconds, hours and bytes.

    `machine` is one of `DEVICES`; without it, an A100 of 80 GB where a job asks for a GPU. With
    `correct`, seconds of a rule are corrected by those of its jobs that have been run before; of
    jobs with a GPU only where no `machine` is given. LensError for another machine.
    """
    jobs = [job for job in jobs if job.rule not in TARGETS]
    measured = [job for job in jobs if job.took and correct and not (machine and job.gpus)]
    machine = machine or ("a100-80" if any(job.gpus for job in jobs) else "cpu")
    if machine not in DEVICES:
        raise LensError(f"machine {machine!r} is none of {', '.join(DEVICES)}.")
    if machine == "cpu":
        jobs = [job._replace(gpus=0) for job in jobs]
    predicted = {}
    for job in jobs:
        work = work_of(job.rule, job.wildcards, config, job.gpus, job.cells)
        seconds = work.seconds(DEVICES[machine if job.gpus else "cpu"])
        predicted[job.number] = Cost(job, work, seconds)
    factors = corrections((job.rule, predicted[job.number].seconds, job.took) for job in measured)
    costs = {
        number: cost._replace(seconds=cost.seconds * factors.get(cost.job.rule, (1, 0))[0])
        for number, cost in predicted.items()
        if cost.job.needed
    }
    after = {n: [one for one in cost.job.after if one in costs] for n, cost in costs.items()}
    chain = longest_chain({number: cost.seconds for number, cost in costs.items()}, after)
    stages = stage_totals(costs.values(), factors)
    total = {key: sum(stage[key] for stage in stages.values()) for key in SUMS}
    worst = sum(stage["seconds"] * stage["error"] for stage in stages.values())
    return {
        "run": config.run,
        "machine": machine,
        "stages": stages,
        "total": total | {"error": worst / total["seconds"] if total["seconds"] else 1.0},
        "measured": sorted(factors.keys() & stages.keys()),
        "models": model_memory(costs.values()),
        "too_small": [row for cost in costs.values() for row in too_small(cost)],
        "longest_chain": {
            "seconds": sum(costs[number].seconds for number in chain),
            "jobs": [{"job": costs[n].name, "seconds": costs[n].seconds} for n in chain],
        },
        "assumed": config.plan.given(),
    }


def corrections(
    measured: Iterable[tuple[str, float, float | None]],
) -> dict[str, tuple[float, float]]:
    """{rule: (measured through predicted seconds, the factor that its jobs are off after that)} of
    (rule, predicted, measured) seconds."""
    ratios: dict[str, list[tuple[float, float]]] = {}
    for rule, seconds, took in measured:
        ratios.setdefault(rule, []).append((seconds, took or 0))
    factors = {}
    for rule, jobs in ratios.items():
        factor = sum(took for _, took in jobs) / sum(seconds for seconds, _ in jobs)
        off = max(exp(abs(log(took / seconds / factor))) for seconds, took in jobs)
        factors[rule] = factor, off if len(jobs) > 1 else MEASURED_ERROR
    return factors


def stage_totals(
    costs: Iterable[Cost], factors: Mapping[str, tuple[float, float]]
) -> dict[str, dict[str, float]]:
    """{rule: sums over its jobs, and the factor by which their seconds may be off}."""
    by_stage: dict[str, dict[str, float]] = {}
    for job, work, seconds in costs:
        row = by_stage.setdefault(job.rule, dict.fromkeys(SUMS, 0))
        constants = GPU_ERROR if job.gpus else CPU_ERROR
        row["error"] = factors[job.rule][1] if job.rule in factors else constants
        row["jobs"] += 1
        row["seconds"] += seconds
        row["gpu_hours"] += job.gpus * seconds / 3600
        row["disk_bytes"] += work.disk
        row["temporary_bytes"] += work.disk if job.temporary else 0
    return by_stage


def model_memory(costs: Iterable[Cost]) -> list[dict[str, Any]]:
    """For every model and use of it, the most that a GPU must hold, and what makes it fit in 40 and
    in 80 GB: nothing where it does."""
    most: dict[tuple[str, str], Task] = {}
    for cost in costs:
        for task in cost.work.tasks if cost.job.gpus else ():
            low_rank = ", LoRA" if task.adapters else ""
            rule = f"{low_rank} ({cost.job.rule})" if task.use == "training" else ""
            key = task.model, task.use + rule
            if key not in most or task.memory()["total"] > most[key].memory()["total"]:
                most[key] = task
    return [
        {
            "model": model,
            "use": use,
            "parameters": task.parameters,
            "gpus": task.gpus,
            **task.memory(),
            "remedies": {f"{size} GB": task.remedy(size * 1e9) for size in (40, 80)},
        }
        for (model, use), task in sorted(most.items(), key=lambda item: item[0])
    ]


def too_small(cost: Cost) -> list[dict[str, str]]:
    """The job, what it is allowed and what it needs, where main memory or time is too small.

    Without a GPU, main memory holds all of a task; with GPUs, the weights once per process.
    """
    job, tasks = cost.job, cost.work.tasks
    loaded = [task.gpus * task.weights + CONTEXT for task in tasks]
    bytes_needed = max(loaded if job.gpus else [t.memory()["total"] for t in tasks], default=0)
    asked = [("mem_mb", job.mem_mb, bytes_needed / 1e6, "")]
    asked += [("runtime", job.runtime, cost.seconds / 60, " min")]
    return [
        {"job": cost.name, "allowed": f"{key} {limit}{unit}", "needed": f"{key} {needed:.0f}{unit}"}
        for key, limit, needed, unit in asked
        if limit and needed > limit
    ]


def measured(results: str | Path) -> dict[str, tuple[int, float]]:
    """{rule: (jobs, seconds of their last attempts)} of a run's folder, by Snakemake's benchmarks.
    LensError where there are none."""
    root = Path(results) / "benchmarks"
    by_stage: dict[str, tuple[int, float]] = {}
    for file in sorted(root.glob("**/*.jsonl")):
        rule = file.relative_to(root).with_suffix("").parts[0]
        jobs, seconds = by_stage.get(rule, (0, 0.0))
        by_stage[rule] = jobs + 1, seconds + (seconds_of(file) or 0)
    if not by_stage:
        raise LensError(
            f"{results}: no benchmarks/**/*.jsonl. Give the folder of a finished run, results/RUN."
        )
    return by_stage


def compare(
    plan: Mapping[str, Any], measured_stages: Mapping[str, tuple[int, float]]
) -> dict[str, Any]:
    """Stages that both have, the longest measured first, with their ratios (predicted through
    measured), and the total over them; and what only one of the two has."""
    stages = plan["stages"]
    rows = [
        {
            "rule": rule,
            "jobs": stages[rule]["jobs"],
            "measured_jobs": jobs,
            "predicted": stages[rule]["seconds"],
            "measured": seconds,
            "ratio": stages[rule]["seconds"] / seconds,
        }
        for rule, (jobs, seconds) in sorted(measured_stages.items(), key=lambda item: -item[1][1])
        if rule in stages
    ]
    total = {key: sum(row[key] for row in rows) for key in ("predicted", "measured")}
    return {
        "stages": rows,
        "total": total | {"ratio": total["predicted"] / total["measured"] if rows else None},
        "only_planned": sorted(set(stages) - set(measured_stages)),
        "only_measured": sorted(set(measured_stages) - set(stages)),
    }
