"""Files and folders written beside their place and renamed, so that none is ever half there.

A process that is killed leaves its temporary folder; the next one that writes beside it removes it.
"""

import errno
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import rmtree

from lens.errors import LensError

FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a path in a temporary folder beside the target; renames it to `path` on success. Some
    libraries write files of their own beside the one they are given: these lie there too."""
    path = Path(path)
    with _refusals_said(path), _beside(path) as folder:
        temporary = folder / "new"  # a name that no search for results finds
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # safetensors makes files for their owner alone
        os.replace(temporary, path)


@contextmanager
def replacing_folder(folder: str | Path) -> Iterator[Path]:
    """Yields an empty folder beside the target, which on success takes its place: whoever is
    killed leaves the old folder, none or the new one, never a part."""
    folder = Path(folder)
    with _refusals_said(folder), _beside(folder) as temporary:
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        yield new
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)


@contextmanager
def _refusals_said(path: Path) -> Iterator[None]:
    """Turns what a disk refuses into a LensError: each library has an error of its own for it."""
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) in FULL or "No space left on device" in str(error):
            raise LensError(
                f"{path}: the disk is full. Free some space and run again; what was finished is "
                "whole and is kept."
            ) from error
        if _is_of_writing(error, path):
            raise LensError(
                f"{path}: cannot be written ({getattr(error, 'strerror', None) or error}). Make "
                "its folder writable and run again; what was finished is kept."
            ) from error
        raise


def _is_of_writing(error: Exception, path: Path) -> bool:
    """Whether the file system lets nobody, or not this user, write to `path`; its readers, which
    may run in the midst of its writing, have other files."""
    if isinstance(error, OSError) and error.filename is not None:
        place = Path(os.fsdecode(error.filename))
        ours = place in (path, *path.parents) or _temporary(path) in (place, *place.parents)
        return ours and error.errno in READ_ONLY
    return not isinstance(error, OSError) and "Read-only file system" in str(error)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder for this process to write in what is then renamed to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.resolve())
    temporary = _temporary(path)
    rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        rmtree(temporary, ignore_errors=True)


@cache
def _sweep(folder: Path) -> None:
    """Removes what writers that were killed on this machine have left in a folder; once for each
    folder and process, since a folder may hold many files."""
    left = re.compile(rf"\..+\.{re.escape(platform.node())}\.(\d{{1,9}})\.tmp")
    for entry in list(os.scandir(folder)):
        found = left.fullmatch(entry.name)
        if found and not _is_running(int(found[1])):
            rmtree(entry.path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
