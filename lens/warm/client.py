"""Has a command run by the server of a folder (`lens.warm.server`), where that makes no difference.

A command whose environment differs in anything that imports may look at is not taken, nor one of
another Python, nor any before the server is ready.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence

# Variables that nothing reads while it is imported, or that imports set themselves.
HARMLESS = {
    *("PATH", "PWD", "OLDPWD", "SHLVL", "_", "LENS_CACHE", "LENS_WARM"),
    *("TMPDIR", "TMP", "TEMPDIR", "TEMP", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
    *("COLUMNS", "LINES", "TOKENIZERS_PARALLELISM", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"),
    *("THREADS", "RAYON_NUM_THREADS"),
}
# The server has one thread, and so has what it runs.
LIBRARIES = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in LIBRARIES} | {"VECLIB_MAXIMUM_THREADS": "1"}


def hand_over(folder: str, arguments: Sequence[str]) -> None:
    """Runs `python -m ARGUMENTS` by the server and exits as it does; returns if it does not take
    it."""
    now = dict(os.environ)
    try:
        with open(f"{folder}/ready.json", encoding="utf-8") as file:
            known = json.load(file)
        server = socket.socket(socket.AF_UNIX)
        if known["python"] == os.path.realpath(sys.prefix) and not differing(
            known["environment"], now
        ):
            server.connect(f"{folder}/socket")
            request = {"arguments": list(arguments), "folder": os.getcwd(), "environment": now}
            text = json.dumps(request).encode()
            socket.send_fds(server, [len(text).to_bytes(8, "big")], [0, 1, 2])
            server.sendall(text)
            replies = server.makefile()
            process = int(replies.readline())
        else:
            return
    except (OSError, ValueError):  # not yet there, or no more
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.killpg(process, number))
    status = int(replies.readline() or 1)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def differing(known: dict[str, str], now: dict[str, str]) -> set[str]:
    """The variables whose values differ between two environments, except for harmless ones."""
    known, now = ONE_THREAD | known, ONE_THREAD | now
    names = {name for name in known.keys() | now.keys() if known.get(name) != now.get(name)}
    return {name for name in names - HARMLESS if not name.startswith(("PYTEST_", "LENS_TEST"))}
