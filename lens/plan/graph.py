"""The jobs of a run and what they wait for, from a dry run of Snakemake's own."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from lens.core.errors import LensError


@dataclass(frozen=True)
class Job:
    """A job to be done: `after` are the numbers of those it waits for; `runtime` in minutes."""

    number: int
    rule: str
    wildcards: dict[str, str]
    gpus: int = 0
    runtime: float | None = None
    mem_mb: float | None = None
    after: tuple[int, ...] = ()
    temporary: bool = False
    needed: bool = True  # False where it is done
    took: float | None = None  # seconds, of an earlier run


def resolve(
    snakefile: str | Path,
    *,
    targets: Sequence[str] = (),
    configfiles: Sequence[str | Path] = (),
    config: Sequence[str] = (),
    everything: bool = False,
    deployment: Sequence[str] = (),
) -> tuple[list[Job], dict]:
    """(jobs, the config as the workflow has completed it) of a dry run in the current folder.

    `config` are Snakemake's key=value texts. With `everything`, all jobs are needed, done or not.
    LensError with the workflow's own message where it refuses the config.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_config
    from snakemake.exceptions import WorkflowError
    from snakemake.logging import logger
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        DeploymentMethod,
        DeploymentSettings,
        ExecutionSettings,
        OutputSettings,
        ResourceSettings,
    )

    for file in (snakefile, *configfiles):
        if not Path(file).is_file():
            raise LensError(f"{file}: no such file. Check the path.")
    methods = {DeploymentMethod.parse_choice(name) for name in deployment}
    try:
        with SnakemakeApi(OutputSettings(dryrun=True)) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(
                    config=parse_config(config), configfiles=list(map(Path, configfiles))
                ),
                deployment_settings=DeploymentSettings(deployment_method=methods),
                snakefile=Path(snakefile),
            )
            logger.setLevel(logging.ERROR)  # a dry run lists every job, however quiet
            dag = workflow.dag(DAGSettings(targets=frozenset(targets), forceall=everything))
            dag.execute_workflow(
                executor="dryrun",
                execution_settings=ExecutionSettings(lock=False, ignore_incomplete=True),
            )
            # The API hands out no jobs: this is what it has put together.
            resolved = workflow._workflow
            return jobs_of(resolved.dag), dict(resolved.globals["config"])
    except (WorkflowError, ValueError) as error:
        raise LensError(f"{snakefile}: {message_of(error)}") from error


def message_of(error: BaseException) -> str:
    """The text of an exception, or of the one that a Snakefile raised inside it."""
    inner = error.__cause__ or error.__context__
    return str(error) or (message_of(inner) if inner else type(error).__name__)


def jobs_of(dag: Any) -> list[Job]:
    """The jobs of Snakemake's graph by their names: its own order varies."""
    jobs = sorted(dag.jobs, key=lambda job: (job.rule.name, tuple(job.wildcards_dict.items())))
    numbers = {job: number for number, job in enumerate(jobs)}
    return [
        Job(
            number=number,
            rule=job.rule.name,
            wildcards=dict(job.wildcards_dict),
            gpus=int(job.resources.get("gpu", 0)),
            runtime=job.resources.get("runtime"),
            mem_mb=job.resources.get("mem_mb"),
            after=tuple(sorted(numbers[one] for one in dag.dependencies[job])),
            temporary=any(file.is_temp for file in job.output),
            needed=dag.needrun(job),
            took=seconds_of(job.benchmark),
        )
        for job, number in numbers.items()
    ]


def seconds_of(benchmark: str | None) -> float | None:
    """The seconds of a job's last attempt that Snakemake has noted; None where it has none."""
    if benchmark is None or not Path(benchmark).is_file():
        return None
    lines = Path(benchmark).read_text(encoding="utf-8").splitlines()
    return float(json.loads(lines[-1])["s"]) if lines else None


def longest_chain(seconds: Mapping[int, float], after: Mapping[int, Sequence[int]]) -> list[int]:
    """The numbers of the jobs, first to last, that wait for one another and take longest."""
    ends: dict[int, float] = {}
    before: dict[int, int | None] = {}
    for number in TopologicalSorter(after).static_order():
        before[number] = max(after[number], key=lambda one: ends[one], default=None)
        start = before[number]
        ends[number] = seconds[number] + (0 if start is None else ends[start])
    last = max(ends, key=lambda one: ends[one], default=None)
    chain: list[int] = []
    while last is not None:
        chain.append(last)
        last = before[last]
    return chain[::-1]
