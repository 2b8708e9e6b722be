"""Imports what LENS needs, then runs each command that comes in a fork: server.py FOLDER OWNER.

It ends once the process OWNER is gone. A command whose client is gone is killed with its children.
"""

import atexit
import contextlib
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path


def imports():
    import datasets  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.optimize
    import scipy.special  # noqa: F401
    import snakemake.cli  # noqa: F401
    import torch  # noqa: F401
    import transformers.models.auto.modeling_auto
    import transformers.models.llama.modeling_llama  # noqa: F401
    from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401

    import lens.cli  # noqa: F401


def serve(folder, owner):
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{folder}/socket")
        door.listen(64)
        door.settimeout(2)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print("ready", flush=True)
        while Path(f"/proc/{owner}").exists():
            try:
                client, _ = door.accept()
            except TimeoutError:
                continue
            if not os.fork():
                door.close()
                look_after(client)
            client.close()


def look_after(client):
    """Starts the command in a group of its own, and sends its process and then its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    client.settimeout(None)
    length, files, _, _ = socket.recv_fds(client, 8, 3)
    told, want = b"", int.from_bytes(length, "big")
    while len(told) < want:
        told += client.recv(want - len(told))
    command = os.fork()
    if not command:
        os.setpgid(0, 0)
        client.close()
        run(json.loads(told), files)
    for file in files:
        os.close(file)
    client.sendall(b"%d\n" % command)
    ended = os.pidfd_open(command)
    ready, _, _ = select.select([ended, client], [], [])
    if ended not in ready:  # the client is gone
        os.killpg(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with contextlib.suppress(OSError):
        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def run(told, files):
    """What `python -m MODULE ARGUMENTS` does, to its end."""
    for here, file in enumerate(files):
        os.dup2(file, here)
        os.close(file)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    module, *sys.argv[1:] = told["arguments"]
    sys.path[0] = told["folder"]
    status = 0
    try:
        start_anew(int(os.environ.get("OMP_NUM_THREADS", "1")))
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


def start_anew(threads):
    """Nothing that is drawn without a seed is the same in two commands."""
    import numpy as np
    import torch

    random.seed()
    tempfile.tempdir = None
    np.random.seed()  # noqa: NPY002, the global state is what is meant
    torch.set_num_threads(threads)


if __name__ == "__main__":
    folder, owner = sys.argv[1:]
    Path(folder, "environment.json").write_text(json.dumps(dict(os.environ)))
    imports()
    serve(folder, owner)
