"""Imported by the server of `warm.py`, with what every Snakemake of the tests imports besides.

What a command starts by `sys.executable` is the first `python` on its PATH: it starts warm, too.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

from snakemake.cli import get_argument_parser

import lens.workflow.batches
import lens.workflow.checks
import lens.workflow.resolve  # noqa: F401

import_module("smart_open")  # which Snakemake reads late

sys.executable = f"{sys.argv[1]}/bin/first_python"
get_argument_parser()  # imports the plugins

if find_spec("snakemake_executor_plugin_slurm"):
    from snakemake_executor_plugin_slurm import Executor

    # It would ask ever more seldom.
    Executor.next_seconds_between_status_checks = property(lambda _: 2, lambda *_: None)
