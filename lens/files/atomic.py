"""Files and folders written beside their place and renamed, so that none is ever half there.

A process that is killed leaves its temporary folder; the next one that writes beside it removes it.
"""

import errno
import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import copy2, copytree, rmtree

from lens.core.errors import LensError

FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
WEIGHTS = re.compile(r"(adapter_)?model(-.*)?\.safetensors(\.index\.json)?")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a path in a temporary folder beside the target; renames it to `path` on success. Some
    libraries write files of their own beside the one they are given: these lie there too.

    A link stays, its target is replaced. LensError where `path` is a folder, a device or a pipe.
    """
    path = _target(path, Path.is_file, "ordinary file")
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
    killed leaves the old folder, none or the new one, never a part.

    What else the old one held stays, but for a model's weights. LensError where it is no folder.
    """
    folder = _target(folder, Path.is_dir, "folder")
    with _refusals_said(folder), _beside(folder) as temporary:
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        yield new
        if not folder.exists():
            os.replace(new, folder)
            return
        _keep_others(folder, new)
        os.replace(folder, old)
        try:
            os.replace(new, folder)
        except OSError:
            os.replace(old, folder)
            raise


def _target(path: str | Path, is_right: Callable[[Path], bool], kind: str) -> Path:
    path = Path(path)
    if path.is_symlink() or not path.name:
        path = path.resolve()
    if path.exists() and not is_right(path):
        raise LensError(f"{path}: is there and is no {kind}. Choose another name.")
    return path


def _keep_others(old: Path, new: Path) -> None:
    for entry in sorted(old.iterdir()):
        kept = new / entry.name
        if kept.exists() or WEIGHTS.fullmatch(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            copytree(entry, kept, symlinks=True)
        else:
            copy2(entry, kept, follow_symlinks=False)


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
