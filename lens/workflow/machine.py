"""Whether this machine can do a run: its packages, its files, a folder that can be written to."""

import importlib.util
import os
import shutil
from pathlib import Path

from lens.core.errors import LensError
from lens.workflow.config import Config
from lens.workflow.paths import local_files

LEAST = 1_000_000  # bytes, for Snakemake's own notes


def check_packages(config: Config) -> None:
    """LensError names the extra that a run needs and that is not installed."""
    engines = {model.generation.engine for model in config.models.values() if model.generation}
    if "vllm" in engines:
        _require("engine vllm", "vllm", "vllm")
    table_3 = "table_3" in config.artefacts
    if config.textual.methods or table_3 or "table_6" in config.artefacts:
        _require("training on text", "text", "trl", "peft")
    if table_3 and config.rejection_sampling.judge.kind == "endpoint":
        _require("an endpoint as judge", "judge", "openai")


def _require(what: str, extra: str, *packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise LensError(
            f"config: {what} needs {' and '.join(missing)}: "
            f'pip install "lens-rm[{extra}]". Without it: textual.methods: [] and no table_3 or '
            "table_6 in `artefacts`, as in workflow/configs/demo.yaml."
        )


def check_templates(config: Config) -> None:
    """LensError where a judge's prompt is missing that the run will need."""
    tables = {"table_3", "table_6"} & set(config.artefacts)
    if config.textual.methods or tables:
        local_files(config.textual.self_rewarding.template)
    if "table_3" in tables:
        local_files(config.rejection_sampling.judge.template)


def check_folder(config: Config) -> None:
    """LensError where Snakemake's notes, the results or the logs could not be written, or the disk
    is full; Snakemake itself would answer with a traceback."""
    for place in map(Path, (".snakemake", config.results, f"logs/{config.run}")):
        folder = next(each for each in (place, *place.parents) if each.is_dir())
        if not os.access(folder, os.W_OK):
            raise LensError(
                f"{folder.resolve()}: cannot be written (read-only, or another user's). Make it "
                "writable and run again; what was finished is kept."
            )
        disk = shutil.disk_usage(folder)
        if disk.total > 0 and disk.free < LEAST:  # some file systems tell no size
            raise LensError(
                f"{folder.resolve()}: the disk is full. Free some space and run again; what was "
                "finished is whole and is kept."
            )
