"""The jobs of a run and what they wait for, from a dry run of Snakemake's own."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lens.core.errors import LensError


@dataclass(frozen=True)
class Job:
    """A job to be done: `after` are the numbers of those it waits for; `runtime` in minutes."""

    number: int
    rule: str
    wildcards: dict[str, str]
    threads: int
    gpus: int
    runtime: float | None
    after: tuple[int, ...] = ()
    temporary: bool = False


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

    `config` are Snakemake's key=value texts. With `everything`, all jobs, done or not. Raises
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


def jobs_of(dag) -> list[Job]:
    """The jobs of Snakemake's graph that need to run, by their names: its own order varies."""
    found = dag.needrun_jobs(exclude_finished=False)
    needed = sorted(found, key=lambda job: (job.rule.name, tuple(job.wildcards_dict.items())))
    numbers = {job: number for number, job in enumerate(needed)}
    return [
        Job(
            number=number,
            rule=job.rule.name,
            wildcards=dict(job.wildcards_dict),
            threads=job.threads,
            gpus=int(job.resources.get("gpu", 0)),
            runtime=job.resources.get("runtime"),
            after=tuple(sorted(numbers[one] for one in dag.dependencies[job] if one in numbers)),
            temporary=any(file.is_temp for file in job.output),
        )
        for job, number in numbers.items()
    ]


def longest_chain(seconds: Mapping[int, float], after: Mapping[int, Sequence[int]]) -> list[int]:
    """The numbers of the jobs, first to last, that wait for one another and take longest."""
    ends: dict[int, tuple[float, int | None]] = {}
    for number in in_order(after):
        before = max(after[number], key=lambda one: ends[one][0], default=None)
        ends[number] = (seconds[number] + (ends[before][0] if before is not None else 0), before)
    chain = []
    number = max(ends, key=lambda one: ends[one][0], default=None)
    while number is not None:
        chain.append(number)
        number = ends[number][1]
    return chain[::-1]


def in_order(after: Mapping[int, Sequence[int]]) -> list[int]:
    """The numbers, each behind all that it waits for."""
    from graphlib import TopologicalSorter

    return list(TopologicalSorter(after).static_order())
