"""Runs `python ARGUMENTS` by the server of FOLDER, or as usual: warm_python.py FOLDER ARGUMENTS.

It starts with every job, so without `site` (-S), which takes as long as all the rest.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(__file__))))

from lens.warm import client

sys.prefix = os.path.dirname(os.path.dirname(sys.executable))  # as `site` finds it

# What Slurm, or a launcher of several processes, tells a job.
OF_A_JOB = ("SLURM", "SBATCH_", "SRUN_", "CUDA_VISIBLE", "GPU_DEVICE", "ROCR_", "ZE_")
OF_A_JOB += ("ENVIRONMENT", "HOSTNAME", "ACCELERATE_", "TORCHELASTIC_", "TORCH_NCCL_", "MASTER_")
OF_A_JOB += ("RANK", "WORLD_SIZE", "LOCAL_", "GROUP_", "ROLE_")
client.HARMLESS.update(name for name in os.environ if name.startswith(OF_A_JOB))
client.HARMLESS.update(os.environ.get("LENS_TEST_HARMLESS", "").split())
MODULES = {"lens", "snakemake", "accelerate.commands.launch", "train"}

folder, *arguments = sys.argv[1:]
unbuffered = arguments[1:] if arguments[:1] == ["-u"] else arguments
if unbuffered[:1] == ["-m"] and unbuffered[1] in MODULES:
    client.hand_over(folder, unbuffered[1:])
os.execv(sys.executable, [sys.executable, *arguments])
