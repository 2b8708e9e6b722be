"""The plan: jobs, hours, bytes and memory of a run, added up from the work of its jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from lens.core.errors import LensError
from lens.plan import architectures
from lens.plan.architectures import BYTES
from lens.plan.graph import Job, longest_chain
from lens.plan.machines import CPU, DEVICES, HOST, share
from lens.plan.memory import adapters, memory, remedy
from lens.plan.stages import embeddings_bytes
from lens.plan.tasks import Read, Train, Work, Write, head_of, seconds
from lens.plan.work import work_of

LIMITS = {"40 GB": 40e9, "80 GB": 80e9}
USES = {Read: "reading", Write: "generation", Train: "training"}


@dataclass(frozen=True)
class Cost:
    """What a job is predicted to take."""

    job: Job
    work: Work
    seconds: float
    disk: float


class Shapes:
    """The architectures of a config's models, each found once."""

    def __init__(self, config: Mapping):
        self.config, self.found = config, {}

    def of(self, load: Mapping):
        key = load["model"], load.get("revision")
        if key not in self.found:
            self.found[key] = architectures.find(key[0], self.config, key[1])
        return self.found[key]


def with_widths(config: Mapping, shapes: Shapes) -> dict:
    """The config with `dims`, the width of each model's embeddings."""
    widths = {name: shapes.of(entry["load"]).hidden for name, entry in config["models"].items()}
    return {**config, "dims": widths}


def predict(jobs: Sequence[Job], config: Mapping, machine: str) -> list[Cost]:
    """The cost of every job on a machine, one of `DEVICES`."""
    shapes = Shapes(config)
    config = with_widths(config, shapes)
    costs, known = [], {}
    for job in jobs:
        key = job.rule, tuple(sorted(job.wildcards.items())), job.gpus
        if key not in known:
            work = work_of(job.rule, job.wildcards, config, job.gpus)
            device = DEVICES[machine] if job.gpus else CPU
            known[key] = work, time_of(work, shapes, device), disk_of(work, shapes, config)
        costs.append(Cost(job, *known[key]))
    return costs


def time_of(work: Work, shapes: Shapes, device) -> float:
    """Seconds of a job from its start to its end."""
    if work.start == "nothing":
        return 0.0
    own = HOST.start[work.start] + work.waiting + work.steps * HOST.step_seconds
    own += work.flops / (HOST.peak * share(HOST.use, HOST.narrow, work.width))
    own += sum(seconds(task, shapes.of(task.load), device, HOST) for task in work.tasks)
    return own + disk_of(work, shapes, shapes.config) / HOST.save_rate


def disk_of(work: Work, shapes: Shapes, config: Mapping) -> float:
    """Bytes that a job leaves on disk: tables, embeddings and weights."""
    total = work.disk
    for (model, revision, *rest), count in kinds(work, config):
        shape = shapes.of({"model": model, "revision": revision})
        if rest[0] == "embedding":
            total += embeddings_bytes(count, shape.hidden, rest[1])
        elif rest == ["adapters"]:
            chosen = config["textual"]["lora"]
            rank, targets = chosen.get("lora_rank", 16), chosen["lora_targets"]
            total += 4 * count * adapters(shape, rank, targets)
        else:
            head, dtype = rest
            total += count * shape.parameters(head) * BYTES[dtype]
    return total


def kinds(work: Work, config: Mapping):
    """((model, revision, what...), count) of what a job stores by a model's shape."""
    for key, count in work.stored.items():
        if key[0] == "embedding":
            load = config["models"][key[1]]["load"]
            dtype = load.get("dtype", "float32")
            yield (load["model"], load.get("revision"), "embedding", dtype), count
        elif key[0] == "adapters":
            yield (*key[1:], "adapters"), count
        else:
            yield key, count


def plan(jobs: Sequence[Job], config: Mapping, machine: str | None = None) -> dict:
    """Everything that `lens plan` prints, as JSON values: seconds, hours and bytes.

    `machine` is one of `DEVICES`; without it, an A100 of 80 GB where a job asks for a GPU.
    """
    if machine is None:
        machine = "a100-80" if any(job.gpus for job in jobs) else "cpu"
    if machine not in DEVICES:
        raise LensError(f"machine {machine!r} is none of {', '.join(DEVICES)}.")
    if machine == "cpu":
        jobs = [replace(job, gpus=0) for job in jobs]
    costs = predict(jobs, config, machine)
    chain = longest_chain(
        {cost.job.number: cost.seconds for cost in costs},
        {cost.job.number: cost.job.after for cost in costs},
    )
    by_number = {cost.job.number: cost for cost in costs}
    stages = stage_totals(costs)
    return {
        "run": config["run"],
        "machine": machine,
        "stages": stages,
        "total": {key: sum(stage[key] for stage in stages.values()) for key in SUMS},
        "models": model_memory(costs, config),
        "longest_chain": {
            "seconds": sum(by_number[number].seconds for number in chain),
            "jobs": [
                {
                    "rule": by_number[number].job.rule,
                    "place": place(by_number[number].job),
                    "seconds": by_number[number].seconds,
                }
                for number in chain
                if by_number[number].seconds
            ],
        },
        "beyond_runtime": [
            {
                "rule": cost.job.rule,
                "place": place(cost.job),
                "hours": cost.seconds / 3600,
                "runtime_hours": cost.job.runtime / 60,
            }
            for cost in costs
            if cost.job.runtime and cost.seconds > 60 * cost.job.runtime
        ],
        "assumed": config["plan"],
    }


SUMS = ("jobs", "seconds", "gpu_hours", "cpu_hours", "disk_bytes", "temporary_bytes")


def place(job: Job) -> str:
    return "/".join(job.wildcards.values())


def stage_totals(costs: Sequence[Cost]) -> dict[str, dict[str, float]]:
    """{rule: sums over its jobs}, in the order of the graph's beginning."""
    found: dict[str, dict[str, float]] = {}
    for cost in costs:
        if cost.work.start == "nothing":
            continue
        row = found.setdefault(cost.job.rule, dict.fromkeys(SUMS, 0))
        row["jobs"] += 1
        row["seconds"] += cost.seconds
        row["gpu_hours"] += cost.job.gpus * cost.seconds / 3600
        row["cpu_hours"] += cost.job.threads * cost.seconds / 3600
        row["disk_bytes"] += cost.disk
        row["temporary_bytes"] += cost.disk if cost.job.temporary else 0
    return found


def model_memory(costs: Sequence[Cost], config: Mapping) -> list[dict]:
    """For every model and use of it, the most that a GPU must hold, what of 40 and 80 GB it does
    not fit in, and what would."""
    shapes, most = Shapes(config), {}
    for cost in costs:
        for task in cost.work.tasks if cost.job.gpus else ():
            key = task.load["model"], use_of(task, cost.job)
            needed = memory(task, shapes.of(task.load))
            if key not in most or needed.total > most[key][0].total:
                most[key] = needed, task
    rows = []
    for (model, use), (needed, task) in sorted(most.items(), key=lambda item: item[0]):
        shape = shapes.of(task.load)
        too_large = [name for name, limit in LIMITS.items() if needed.total > limit]
        rows.append(
            {
                "model": model,
                "use": use,
                "parameters": shape.parameters(head_of(task)),
                "gpus": getattr(task, "gpus", 1),
                **asdict(needed),
                "total": needed.total,
                "too_large_for": too_large,
                "would_fit": {name: remedy(task, shape, LIMITS[name]) for name in too_large},
            }
        )
    return rows


def use_of(task, job: Job) -> str:
    name = USES[type(task)]
    if isinstance(task, Train):
        low_rank = ", LoRA" if task.settings.get("lora") else ""
        return f"{name}{low_rank} ({job.rule})"
    return name
