"""Whether the run can be written to, asked before Snakemake, which answers with a traceback."""

import os
import shutil

LEAST = 1_000_000  # bytes, for Snakemake's own notes


def check_folder():
    """WorkflowError where Snakemake's notes, the results or the logs could not be written, or the
    disk is full."""
    run = config["run"]
    for place in map(Path, (".snakemake", f"results/{run}", f"logs/{run}")):
        folder = next(each for each in (place, *place.parents) if each.is_dir())
        if not os.access(folder, os.W_OK):
            raise WorkflowError(
                f"{folder.resolve()}: cannot be written (read-only, or another user's). Make it "
                "writable and run again; what was finished is kept."
            )
        disk = shutil.disk_usage(folder)
        if 0 < disk.total and disk.free < LEAST:  # some file systems tell no size
            raise WorkflowError(
                f"{folder.resolve()}: the disk is full. Free some space and run again; what was "
                "finished is whole and is kept."
            )


check_folder()
