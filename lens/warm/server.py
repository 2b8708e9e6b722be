"""One process that imports torch and transformers once and forks for each command of a run.

Half of what a run of small models costs is imports, repeated by each of its jobs. A command in a
fork does what it does in a process of its own: modules of LENS are imported there, the working
folder, the environment, standard streams, signals and the exit status are the client's. Only its
processor time and memory are not those of the client, as Snakemake's `benchmark:` files have them
(its seconds are); `cost.json` has them.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from lens.warm.client import ONE_THREAD

VARIABLE = "LENS_WARM"  # the folder of the server; empty for none
GPUS = ("/dev/nvidiactl", "/dev/kfd")  # a process that has asked for GPUs must not fork


def start() -> None:
    """Starts a server for the jobs of this process, unless the environment names one or none. It
    ends with this process, however that ends."""
    if VARIABLE in os.environ or sys.platform != "linux" or any(map(os.path.exists, GPUS)):
        return
    os.environ[VARIABLE] = folder = tempfile.mkdtemp(prefix="lens-warm-")
    launch(folder, os.getpid())


def launch(folder: str, owner: int, *modules: str) -> None:
    """Starts a server in `folder` that ends with the process `owner`, which has imported these
    modules besides."""
    subprocess.Popen(
        [sys.executable, "-m", "lens.warm.server", folder, str(owner), *modules],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | ONE_THREAD,
    )


def imports() -> None:
    """What the stages import, except for LENS, and what loading a first model prepares."""
    import matplotlib.backends.backend_pdf
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pydantic  # noqa: F401
    import scipy.optimize
    import scipy.sparse  # noqa: F401
    import sklearn.model_selection  # noqa: F401
    import torch.optim.adam  # noqa: F401
    import transformers.models.auto.modeling_auto
    import transformers.models.llama.modeling_llama  # noqa: F401
    from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    get_checkpoint_conversion_mapping("llama")


def serve(folder: str, owner: int) -> None:
    """Runs what clients ask for until the process `owner` ends."""
    owned = os.pidfd_open(owner)
    door = socket.socket(socket.AF_UNIX)
    door.bind(f"{folder}/socket")
    door.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    about = {"python": os.path.realpath(sys.prefix), "environment": dict(os.environ)}
    Path(folder, "new.json").write_text(json.dumps(about), encoding="utf-8")
    os.rename(f"{folder}/new.json", f"{folder}/ready.json")
    while owned not in select.select([door.fileno(), owned], [], [])[0]:
        client, _ = door.accept()
        if not os.fork():
            door.close()
            look_after(client)
        client.close()
    shutil.rmtree(folder)


def look_after(client: socket.socket) -> None:
    """Starts the command in a group of its own, and sends its process and then its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, files, _, _ = socket.recv_fds(client, 8, 3)
    request, want = b"", int.from_bytes(length, "big")
    while len(request) < want:
        request += client.recv(want - len(request))
    command = os.fork()
    if not command:
        os.setpgid(0, 0)
        client.close()
        run(json.loads(request), files)
    for file in files:
        os.close(file)
    client.sendall(b"%d\n" % command)
    ended = os.pidfd_open(command)
    ready, _, _ = select.select([ended, client.fileno()], [], [])
    if ended not in ready:  # the client is gone
        os.killpg(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with contextlib.suppress(OSError):
        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def run(request: dict[str, Any], files: list[int]) -> None:
    """What `python -m MODULE ARGUMENTS` does, to its end."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"] | {VARIABLE: ""})
    module, *sys.argv[1:] = request["arguments"]
    sys.path[0] = request["folder"]
    status = 0
    try:
        reseed()
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def reseed() -> None:
    """Nothing that is drawn without a seed is the same in two commands."""
    import numpy as np

    random.seed()
    tempfile.tempdir = None
    np.random.seed()  # noqa: NPY002, the global state is what is meant


if __name__ == "__main__":
    imports()
    for name in sys.argv[3:]:
        importlib.import_module(name)
    gc.freeze()  # no command's collector touches, and so copies, what was imported
    serve(sys.argv[1], int(sys.argv[2]))
