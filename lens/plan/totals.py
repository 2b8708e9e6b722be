"""The plan: jobs, hours, bytes and memory of a run, added up from the work of its jobs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lens.core.errors import LensError
from lens.plan.graph import Job, longest_chain
from lens.plan.machines import CPU, DEVICES
from lens.plan.rules import Work, work_of
from lens.plan.tasks import CONTEXT, Task

TARGETS = ("paper", "all", "report", "plan", "prefetch")  # and what is not the run itself
SUMS = ("jobs", "seconds", "gpu_hours", "disk_bytes", "temporary_bytes")


@dataclass(frozen=True)
class Cost:
    """What a job is predicted to take."""

    job: Job
    work: Work
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.job.rule} {'/'.join(self.job.wildcards.values())}".strip()


def predict(jobs: Iterable[Job], config: Mapping[str, Any], machine: str) -> list[Cost]:
    """The cost of every job; jobs with a GPU run on `machine`, one of `DEVICES`."""
    costs = []
    known: dict[tuple, Work] = {}
    for job in jobs:
        key = job.rule, tuple(job.wildcards.items())
        if key not in known:
            known[key] = work_of(job.rule, job.wildcards, config, job.gpus)
        seconds = known[key].seconds(DEVICES[machine] if job.gpus else CPU)
        costs.append(Cost(job, known[key], seconds))
    return costs


def corrections(costs: Iterable[Cost]) -> dict[str, float]:
    """{rule: measured through predicted seconds} of the jobs that have been run before."""
    done: dict[str, list[Cost]] = {}
    for cost in costs:
        if cost.job.took:
            done.setdefault(cost.job.rule, []).append(cost)
    return {
        rule: sum(cost.job.took or 0 for cost in group) / sum(cost.seconds for cost in group)
        for rule, group in done.items()
    }


def plan(
    jobs: Iterable[Job],
    config: Mapping[str, Any],
    machine: str | None = None,
    *,
    correct: bool = True,
) -> dict[str, Any]:
    """Everything that `lens plan` prints, as JSON values: seconds, hours and bytes.

    `machine` is one of `DEVICES`; without it, an A100 of 80 GB where a job asks for a GPU. With
    `correct`, seconds of a rule are corrected by those of its jobs that have been run before; of
    jobs with a GPU only where no `machine` is given. LensError for another machine.
    """
    jobs = [
        replace(job, took=None) if not correct or (machine and job.gpus) else job
        for job in jobs
        if job.rule not in TARGETS
    ]
    machine = machine or ("a100-80" if any(job.gpus for job in jobs) else "cpu")
    if machine not in DEVICES:
        raise LensError(f"machine {machine!r} is none of {', '.join(DEVICES)}.")
    if machine == "cpu":
        jobs = [replace(job, gpus=0) for job in jobs]
    predicted = predict(jobs, config, machine)
    factors = corrections(predicted)
    costs = {
        cost.job.number: replace(cost, seconds=cost.seconds * factors.get(cost.job.rule, 1))
        for cost in predicted
        if cost.job.needed
    }
    chain = longest_chain(
        {number: cost.seconds for number, cost in costs.items()},
        {n: [one for one in cost.job.after if one in costs] for n, cost in costs.items()},
    )
    stages = stage_totals(costs.values())
    return {
        "run": config["run"],
        "machine": machine,
        "stages": stages,
        "total": {key: sum(stage[key] for stage in stages.values()) for key in SUMS},
        "measured": sorted(factors.keys() & stages.keys()),
        "models": model_memory(costs.values()),
        "too_small": [
            {"job": job, "allowed": allowed, "needed": needed}
            for job, allowed, needed in too_small(costs.values())
        ],
        "longest_chain": {
            "seconds": sum(costs[number].seconds for number in chain),
            "jobs": [{"job": costs[n].name, "seconds": costs[n].seconds} for n in chain],
        },
        "assumed": config["plan"],
    }


def stage_totals(costs: Iterable[Cost]) -> dict[str, dict[str, float]]:
    """{rule: sums over its jobs}."""
    found: dict[str, dict[str, float]] = {}
    for cost in costs:
        row = found.setdefault(cost.job.rule, dict.fromkeys(SUMS, 0))
        row["jobs"] += 1
        row["seconds"] += cost.seconds
        row["gpu_hours"] += cost.job.gpus * cost.seconds / 3600
        row["disk_bytes"] += cost.work.disk
        row["temporary_bytes"] += cost.work.disk if cost.job.temporary else 0
    return found


def model_memory(costs: Iterable[Cost]) -> list[dict[str, Any]]:
    """For every model and use of it, the most that a GPU must hold, and what makes it fit in 40 and
    in 80 GB: nothing where it does."""
    most: dict[tuple[str, str], Task] = {}
    for cost in costs:
        for task in cost.work.tasks if cost.job.gpus else ():
            low_rank = ", LoRA" if task.settings.get("lora") else ""
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


def too_small(costs: Iterable[Cost]) -> Iterator[tuple[str, str, str]]:
    """(job, what it is allowed, what it needs) where main memory or time is too small.

    Without a GPU, main memory holds all of a task; with GPUs, the weights once per process.
    """
    for cost in costs:
        job, needed = cost.job, 0.0
        for task in cost.work.tasks:
            loaded = task.gpus * task.weights + CONTEXT
            needed = max(needed, loaded if job.gpus else task.memory()["total"])
        if job.mem_mb and needed > 1e6 * job.mem_mb:
            yield cost.name, f"mem_mb {job.mem_mb}", f"mem_mb {needed / 1e6:.0f}"
        if job.runtime and cost.seconds > 60 * job.runtime:
            yield cost.name, f"runtime {job.runtime} min", f"runtime {cost.seconds / 60:.0f} min"
