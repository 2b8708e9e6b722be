"""Errors with a message for the user, messages for foreign errors, and printing them safely."""

import errno
import traceback
from collections.abc import Iterator

LONGEST = 1500  # characters of a line
# Out-of-memory messages of torch, C++, the loader of shared libraries, the system and Python.
NO_MEMORY = (
    "can't allocate memory",
    "std::bad_alloc",
    "failed to map segment from shared object",
    "Cannot allocate memory",
    "error return without exception set",  # Python's own C code
)


class LensError(Exception):
    """A problem that the user can fix: the message says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with status 1.
    """


class DamagedError(LensError, ValueError):
    """A file that exists but cannot be read in its format."""


def out_of_memory(error: BaseException) -> BaseException | None:
    """The out-of-memory error in the chain of an error and its causes, or None."""
    return next(filter(_is_of_memory, _chain(error)), None)


def let_go(error: BaseException) -> None:
    """Frees what the functions hold that an error and its causes ended, so that a process without
    memory can still say so."""
    for each in _chain(error):
        traceback.clear_frames(each.__traceback__)


def message(error: BaseException) -> str | None:
    """What is wrong and what to do, for an error that the user can fix; None for a bug."""
    if refused := out_of_memory(error):
        first_line = str(refused).partition("\n")[0] or type(refused).__name__
        return (
            f"out of memory ({first_line}). Lower the batch size or the longest text, or "
            "give the job more memory: on a cluster `--set-resources RULE:mem_mb=...`, in a shell "
            "`ulimit -v unlimited`. What was finished is kept."
        )
    if type(error).__name__ == "OutOfMemoryError":  # torch's; torch may not be imported
        return (
            f"the GPU is out of memory ({error}). Lower the batch size "
            "or the longest text, or ask for a larger GPU; `lens plan` says what the models take."
        )
    if isinstance(error, LensError):
        return str(error)
    return f"{error}." if isinstance(error, OSError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError | ImportError | OSError | SystemError) and any(
        words in str(error) for words in NO_MEMORY
    )


def printable(text: str, limit: int | None = None) -> str:
    """Text that is safe to show on one line of a terminal, cut to `limit` characters.

    Line breaks, control and bidirectional characters become \\n, \\x1b, \\u202e and so on.
    """
    shown = text if limit is None or len(text) <= limit else text[: limit - 3] + "..."
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown
    )


def shown(text: str) -> str:
    """Text that may quote data, made safe for a terminal; the middle of long lines is cut."""
    return "\n".join(map(_short, text.split("\n")))


def _short(line: str) -> str:
    half = LONGEST // 2
    cut = line if len(line) <= LONGEST else f"{line[:half]} [...] {line[-half:]}"
    return printable(cut)
