"""Jobs of Slurm outlast its controller.

While slurmctld does not answer, Snakemake's executor (2.8.0) forgets every job that it asks about,
and then waits for ever; and a job that it submits uses up its retries within half a minute.
"""

import sys
from typing import Any

# sbatch says so after trying for MessageTimeout: nothing has been submitted.
AWAY = "Unable to contact slurm controller (connect failure)"


def outlast_controller() -> None:
    """From now on the executor asks and submits again until the controller answers."""
    plugin: Any = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is None:
        return
    query, report = plugin.query_job_status, plugin.Executor._report_job_error_threadsafe

    async def query_job_status(command: str, logger: Any) -> tuple[dict[str, str], float]:
        states, seconds = await query(command, logger)
        if states is None:
            logger.warning("No answer about jobs from Slurm: they are asked about again.")
            return {}, 0.0
        return states, seconds

    def report_error(executor: Any, info: Any, msg: str) -> None:
        if AWAY not in msg:
            report(executor, info, msg)
            return
        executor.logger.warning(f"{AWAY}. Job {info.job.jobid} is submitted again.")
        executor._job_submission_executor.submit(executor.run_job, info.job)

    plugin.query_job_status = query_job_status
    plugin.Executor._report_job_error_threadsafe = report_error
