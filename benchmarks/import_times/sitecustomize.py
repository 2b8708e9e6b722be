"""On the path of a Python process, prints at its end how long its import statements took."""

import atexit
import builtins
import os
import sys
import time

plain_import = builtins.__import__
within, total = False, 0.0


def timed_import(*arguments, **named):
    global within, total
    if within:
        return plain_import(*arguments, **named)
    within, start = True, time.perf_counter()
    try:
        return plain_import(*arguments, **named)
    finally:
        within, total = False, total + time.perf_counter() - start


def begin_anew():
    """A fork (lens.warm) imports what its parent has not, whose time is not its own."""
    global total
    total = 0.0


builtins.__import__ = timed_import
os.register_at_fork(after_in_child=begin_anew)
atexit.register(lambda: print(f"imports took {total:.3f} s", file=sys.stderr))
