"""Files and folders written under a temporary name, then renamed: none is ever half-written.

A killed process leaves its temporary folder; the next process that writes there removes it.
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
    """Yields a path in a temporary folder next to the target and renames it to `path` on success.
    (A folder, because some libraries write more files next to the one that they are given.)

    A link stays and its target is replaced. LensError if `path` is a folder, a device or a pipe, or
    the disk refuses.
    """
    path = _target(path, Path.is_file, "regular file")
    with _disk_errors(path), _temporary_folder(path) as folder:
        temporary = folder / "new"  # a name that no search for results finds
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # safetensors makes files that only the owner can read
        os.replace(temporary, path)


@contextmanager
def replacing_folder(folder: str | Path) -> Iterator[Path]:
    """Yields an empty folder next to the target and replaces the target by it on success: a killed
    process leaves the old folder, none, or the new one, never a part.

    Other files of the old folder are kept, except a model's weights. LensError if the target is not
    a folder, or the disk refuses.
    """
    folder = _target(folder, Path.is_dir, "folder")
    with _disk_errors(folder), _temporary_folder(folder) as temporary:
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
        raise LensError(f"{path}: exists and is not a {kind}. Choose another name.")
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
def _disk_errors(path: Path) -> Iterator[None]:
    """Raises LensError when the disk refuses; libraries raise different errors for this."""
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) in FULL or "No space left on device" in str(error):
            raise LensError(
                f"{path}: the disk is full. Free some space and run again; finished work is kept."
            ) from error
        if _is_write_refused(error, path):
            raise LensError(
                f"{path}: cannot be written ({getattr(error, 'strerror', None) or error}). Make "
                "its folder writable and run again; finished work is kept."
            ) from error
        raise


def _is_write_refused(error: Exception, path: Path) -> bool:
    """Whether the error says that `path` cannot be written. Errors about other files, which are
    read while `path` is written, do not count."""
    if isinstance(error, OSError) and error.filename is not None:
        refused = Path(os.fsdecode(error.filename))
        is_ours = refused in (path, *path.parents) or _temporary(path) in (
            refused,
            *refused.parents,
        )
        return is_ours and error.errno in READ_ONLY
    return not isinstance(error, OSError) and "Read-only file system" in str(error)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """This process's folder next to `path`, removed at the end."""
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
    """Removes temporary folders of processes of this machine that were killed; once per folder and
    process, because a folder may hold many files."""
    temporary = re.compile(rf"\..+\.{re.escape(platform.node())}\.(\d{{1,9}})\.tmp")
    for entry in list(os.scandir(folder)):
        match = temporary.fullmatch(entry.name)
        if match and not _is_running(int(match[1])):
            rmtree(entry.path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
