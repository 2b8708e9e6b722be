"""The jobs of a run and what they wait for, from a dry run of Snakemake's own."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lens.core.errors import LensError
from lens.workflow.batches import Cell, cell_of
from lens.workflow.config import Config


@dataclass(frozen=True, eq=False)
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
    cells: tuple[tuple[str, str], ...] = ()  # (method, scale) of a job of several

    @property
    def name(self) -> str:
        return f"{self.rule} {'/'.join(self.wildcards.values())}".strip()


def resolve(
    snakefile: str | Path,
    *,
    configfiles: Sequence[str | Path] = (),
    config: Sequence[str] = (),
    everything: bool = False,
    deployment: Sequence[str] = (),
) -> tuple[list[Job], Config]:
    """(jobs, the config as the workflow has completed it) of a dry run in the current folder.

    `config` are Snakemake's key=value texts. With `everything`, all jobs are needed, done or not.
    LensError with the workflow's own message where it refuses the config.
    """
    from snakemake import api
    from snakemake.cli import parse_config
    from snakemake.exceptions import ApiError, WorkflowError
    from snakemake.logging import logger
    from snakemake.settings import types as settings

    methods = {settings.DeploymentMethod.parse_choice(name) for name in deployment}
    files = list(map(Path, configfiles))
    try:
        with api.SnakemakeApi(settings.OutputSettings(dryrun=True)) as snakemake:
            workflow = snakemake.workflow(
                resource_settings=settings.ResourceSettings(cores=1),
                config_settings=settings.ConfigSettings(parse_config(config), files),
                deployment_settings=settings.DeploymentSettings(methods),
                snakefile=Path(snakefile),
            )
            logger.setLevel(logging.ERROR)  # a dry run lists every job, however quiet
            dag = workflow.dag(settings.DAGSettings(forceall=everything))
            executed = settings.ExecutionSettings(lock=False, ignore_incomplete=True)
            dag.execute_workflow(executor="dryrun", execution_settings=executed)
            # The API hands out no jobs: this is what it has put together.
            resolved = workflow._workflow
            return list(jobs_of(resolved.dag)), resolved.globals["CONFIG"]
    except (ApiError, WorkflowError, ValueError, OSError) as error:
        inner = error.__cause__ or error.__context__  # where a Snakefile raised it
        raise LensError(f"{snakefile}: {str(error) or inner}") from error


def jobs_of(dag: Any) -> Iterator[Job]:
    """The jobs of Snakemake's graph by their names: its own order varies."""
    jobs = sorted(dag.jobs, key=lambda job: (job.rule.name, tuple(job.wildcards_dict.items())))
    numbers = {job: number for number, job in enumerate(jobs)}
    for job, number in numbers.items():
        rule, shared, _ = job.rule.name.partition("_at_")
        cells = [cell for file in job.output if (cell := cell_of(file))] if shared else []
        at = dict(zip(Cell._fields, cells[0][:3], strict=False)) if cells else {}
        yield Job(
            number=number,
            rule=rule,
            wildcards={**job.wildcards_dict, **at},
            cells=tuple(dict.fromkeys(cell[3:] for cell in cells)),
            gpus=int(job.resources.get("gpu", 0)),
            runtime=job.resources.get("runtime"),
            mem_mb=job.resources.get("mem_mb"),
            after=tuple(sorted(numbers[dependency] for dependency in dag.dependencies[job])),
            temporary=any(file.is_temp for file in job.output),
            needed=dag.needrun(job),
            took=seconds_of(job.benchmark),
        )


def seconds_of(benchmark: str | Path | None) -> float | None:
    """The seconds of a job's last attempt that Snakemake has noted; None where it has none."""
    file = Path(benchmark or "")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return float(json.loads(lines[-1])["s"]) if lines else None
