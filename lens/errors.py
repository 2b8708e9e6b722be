"""The one exception whose text is meant for the user."""


class LensError(Exception):
    """Something the user can mend: says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with status 1.
    """


class DamagedError(LensError, ValueError):
    """A file that is there and cannot be read as what it should be."""
