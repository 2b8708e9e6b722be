"""Runs `python ARGUMENTS` by the server of FOLDER: client.py FOLDER ARGUMENTS."""

import json
import os
import signal
import socket
import sys

# Variables that nothing reads while it is imported, or that imports set themselves; where any
# other differs, Python starts anew.
HARMLESS = {
    *("PATH", "PWD", "OLDPWD", "SHLVL", "_", "PYTEST_CURRENT_TEST", "LENS_CACHE"),
    *("TMPDIR", "TMP", "TEMPDIR", "TEMP", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("COLUMNS", "LINES", "TOKENIZERS_PARALLELISM", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"),
    *("NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "THREADS", "RAYON_NUM_THREADS"),
}
MODULES = {"lens", "snakemake"}


def main(folder, arguments):
    with open(f"{folder}/environment.json") as file:
        known = json.load(file)
    now = dict(os.environ)
    names = {name for name in known.keys() | now.keys() if known.get(name) != now.get(name)}
    names = {name for name in names if not name.startswith(("PYTEST_XDIST", "LENS_TEST"))}
    if arguments[:1] != ["-m"] or arguments[1] not in MODULES or names - HARMLESS:
        os.execv(sys.executable, [sys.executable, *arguments])
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"{folder}/socket")
        said = json.dumps({"arguments": arguments[1:], "folder": os.getcwd(), "environment": now})
        socket.send_fds(server, [len(said.encode()).to_bytes(8, "big")], [0, 1, 2])
        server.sendall(said.encode())
        replies = server.makefile()
        process = int(replies.readline())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.killpg(process, number))
        status = int(replies.readline() or 1)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


main(sys.argv[1], sys.argv[2:])
