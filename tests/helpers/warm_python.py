"""Runs `python ARGUMENTS` by the server of FOLDER, or as usual: warm_python.py FOLDER ARGUMENTS."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lens.warm import client

# What Slurm tells a job.
OF_A_JOB = ("SLURM", "SBATCH_", "SRUN_", "CUDA_VISIBLE", "GPU_DEVICE", "ROCR_", "ZE_")
OF_A_JOB += ("ENVIRONMENT", "HOSTNAME")
client.HARMLESS.update(name for name in os.environ if name.startswith(OF_A_JOB))

folder, *arguments = sys.argv[1:]
if arguments[:1] == ["-m"] and arguments[1] in ("lens", "snakemake"):
    client.hand_over(folder, arguments[1:])
os.execv(sys.executable, [sys.executable, *arguments])
