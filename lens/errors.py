"""The exceptions whose text is meant for the user, and text that any terminal can show."""

LONGEST = 1500


class LensError(Exception):
    """Something the user can mend: says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with status 1.
    """


class DamagedError(LensError, ValueError):
    """A file that is there and cannot be read as what it should be."""


def printable(text: str, limit: int | None = None) -> str:
    """Text that a terminal can show on one line: what is not printable as an escape, the rest cut.

    Line breaks, control and bidirectional characters become \\n, \\x1b, \\u202e and so on.
    """
    shown = text if limit is None or len(text) <= limit else text[: limit - 3] + "..."
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown
    )


def shown(text: str) -> str:
    """Text that may quote data, line by line: nothing in it steers a terminal, and a line that
    quotes long data has its middle left out."""
    return "\n".join(map(_short, text.split("\n")))


def _short(line: str) -> str:
    half = LONGEST // 2
    cut = line if len(line) <= LONGEST else f"{line[:half]} [...] {line[-half:]}"
    return printable(cut)
