"""Snakemake's timers, which keep it alive after its last job."""

import threading


def cancel_timers() -> None:
    """Ends a run at once. Snakemake starts a timer whenever it has looked for jobs, which lets it
    look again after the time of `max-jobs-per-timespan`, and would wait for all of them."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
