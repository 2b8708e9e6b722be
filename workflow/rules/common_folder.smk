"""Whether the run can be written to, asked before Snakemake, which answers with a traceback."""

import os
import shutil

LEAST = 1_000_000  # bytes, for Snakemake's own notes


def check_folder():
    """WorkflowError where the folder, Snakemake's notes or the results are write-protected, or the
    disk is full."""
    for folder in (Path(), Path(".snakemake"), Path("results"), Path("results") / config["run"]):
        if not folder.is_dir():
            continue
        if not os.access(folder, os.W_OK):
            raise WorkflowError(
                f"{folder.resolve()}: cannot be written (read-only, or another user's). Make it "
                "writable and run again; what was finished is kept."
            )
        if shutil.disk_usage(folder).free < LEAST:
            raise WorkflowError(
                f"{folder.resolve()}: the disk is full. Free some space and run again; what was "
                "finished is whole and is kept."
            )


check_folder()
