"""GPUs of one machine, each for one job at a time: `python -m lens.files.gpus COUNT COMMAND ...`.

Snakemake counts GPUs but hands out no ids (its issue 281). So a job of the workflow starts here: it
takes as many free GPUs as it asks for, names them in CUDA_VISIBLE_DEVICES, and becomes the command.
A GPU is taken by a lock on a file, which the kernel releases when the process ends, however it
ends. Locks hold among the jobs of one user; GPUs where others compute are taken last.

The GPUs are those of CUDA_VISIBLE_DEVICES, or else all that `nvidia-smi` lists: of one that is cut
up (MIG) its instances. Where there are none, or on a node whose batch system has no `nvidia-smi`,
the command runs as it is. Imports of the standard library alone: it starts with every job.
"""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

LISTED = re.compile(r"^(?:GPU (\d+):|\s+MIG ).*\(UUID: ([^)]+)\)", re.MULTILINE)
AGAIN = 1.0  # seconds until it looks once more


def listed(text: str) -> dict[str, str]:
    """{index, or UUID of an instance: UUID} by `nvidia-smi -L`. Of a GPU that is cut up its
    instances are listed in its place. Lines of lost GPUs are passed over."""
    uuids: dict[str, str] = {}
    card = ""
    for index, uuid in LISTED.findall(text):
        if index:
            card = index
        else:
            uuids.pop(card, None)
        uuids[index or uuid] = uuid
    return uuids


def usable(count: int, named: str | None, known: Mapping[str, str]) -> list[str]:
    """The UUIDs of the GPUs that a job for `count` of them may use: those `known` of that `named`
    (CUDA_VISIBLE_DEVICES) holds. Where none is known they are those named, unless these are no more
    than `count`: then a batch system has chosen, and numbers them again for each job."""
    if named is None:
        return list(known.values())
    names = [name.strip() for name in named.split(",") if name.strip()]
    if not known:
        return names if len(names) > count else []
    uuids = [known.get(name) or _begun_with(name, known.values()) for name in names]
    return [uuid for uuid in uuids if uuid]


def _begun_with(name: str, uuids: Iterable[str]) -> str:
    """The UUID that CUDA takes a shortened one for; none for an index, which would be known."""
    return next((uuid for uuid in uuids if not name.isdigit() and uuid.startswith(name)), "")


def idle_first(gpus: Sequence[str], ask: Callable[..., str]) -> list[str]:
    """The same, those at the end on which some process computes."""
    busy = ask("--query-compute-apps=gpu_uuid", "--format=csv,noheader").split()
    return sorted(gpus, key=lambda gpu: gpu in busy)


def names(taken: Iterable[str], known: Mapping[str, str]) -> str:
    """What CUDA_VISIBLE_DEVICES calls these UUIDs: indices, since vLLM takes nothing else, but
    where indices have gaps, over which CUDA would count on, UUIDs."""
    whole = {uuid: name for name, uuid in known.items() if name.isdigit()}
    gaps = set(whole.values()) != set(map(str, range(len(whole))))
    return ",".join(uuid if gaps else whole.get(uuid, uuid) for uuid in taken)


def nvidia_smi(*arguments: str) -> str:
    """What `nvidia-smi` prints; nothing where it is missing or hangs."""
    try:
        command = ["nvidia-smi", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def lock(uuid: str) -> int | None:
    """An open file that holds the GPU until it is closed by this process and all that it becomes;
    None where another process holds it."""
    folder = Path(tempfile.gettempdir()) / f"lens-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / uuid.replace("/", "_"), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    os.set_inheritable(file, True)
    return file


def take(count: int, gpus: Sequence[str]) -> list[str]:
    """`count` GPUs that were free and are now held; none where fewer are, which stay free."""
    held: dict[str, int] = {}
    for gpu in gpus:
        if len(held) < count and (file := lock(gpu)) is not None:
            held[gpu] = file
    if len(held) == count:
        return list(held)
    for file in held.values():
        os.close(file)
    return []


def wait_for(count: int, gpus: Sequence[str], ask: Callable[..., str]) -> list[str]:
    """`count` of the GPUs, held from now on, once so many are free."""
    waiting = False
    while not (taken := take(count, idle_first(gpus, ask))):
        if not waiting:
            print(f"lens: waits for {count} of {len(gpus)} GPUs; jobs hold them", file=sys.stderr)
        waiting = True
        time.sleep(AGAIN)
    return taken


def environment(count: int, ask: Callable[..., str] = nvidia_smi) -> dict[str, str]:
    """What a job for `count` GPUs gets, which it holds from now on; nothing where there is none to
    choose."""
    known = listed(ask("-L")) if count else {}
    gpus = usable(count, os.environ.get("CUDA_VISIBLE_DEVICES"), known) if count else []
    if not gpus:
        return {}
    if count > 1:  # a process sees one instance of a GPU that is cut up, whatever it is given
        gpus = [gpu for gpu in gpus if not gpu.startswith("MIG")]
    if len(gpus) < count:
        sys.exit(
            f"lens: error: this job asks for {count} whole GPUs, but may use {len(gpus)} here. "
            "Lower `textual.gpus` in the config, or run it on another machine (`nvidia-smi -L`)."
        )
    taken = names(wait_for(count, gpus, ask), known)
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": taken}


def main(arguments: Sequence[str]) -> None:
    count, *command = arguments
    os.environ |= environment(int(count))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
