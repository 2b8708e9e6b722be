"""Runs `python ARGUMENTS` by the server of FOLDER, or as usual: warm_python.py FOLDER ARGUMENTS."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lens.warm.client import hand_over

folder, *arguments = sys.argv[1:]
if arguments[:1] == ["-m"] and arguments[1] in ("lens", "snakemake"):
    hand_over(folder, arguments[1:])
os.execv(sys.executable, [sys.executable, *arguments])
