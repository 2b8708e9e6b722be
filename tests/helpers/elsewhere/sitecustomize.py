"""Another machine, for what runs with this folder first on PYTHONPATH.

Folders list their files backwards if LENS_FOLDERS is "backwards", else in order. If LENS_CLOCK is
"ahead", all but Snakemake itself, which compares ages of files, lives in another year with a faster
clock; `datetime` reads the system's, which C code takes from it, so that it differs by the seconds
between two runs alone (test_purity.py looks for it in the source). Python imports this
module, by its name, before anything else.
"""

import os
import sys
import time

AHEAD = 10**9  # seconds, some 32 years
BACKWARDS = os.environ.get("LENS_FOLDERS") == "backwards"

_listdir, _scandir = os.listdir, os.scandir


def listdir(path="."):
    return sorted(_listdir(path), reverse=BACKWARDS)


class Scan:
    """What os.scandir gives, in an order of its own."""

    def __init__(self, path="."):
        with _scandir(path) as found:
            self.entries = iter(sorted(found, key=lambda one: one.name, reverse=BACKWARDS))

    def __iter__(self):
        return self.entries

    def __next__(self):
        return next(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.entries = iter(())


os.listdir, os.scandir = listdir, Scan


def shifted(clock, unit=1):
    return lambda: clock() + AHEAD * unit


def of_now(function, place):
    """A function of the time, which is now where none is given."""
    return lambda *given: function(*given, *([time.time()] if len(given) == place else []))


def set_clock():
    time.time, time.time_ns = shifted(time.time), shifted(time.time_ns, 10**9)
    time.monotonic, time.monotonic_ns = shifted(time.monotonic), shifted(time.monotonic_ns, 10**9)
    slow, process = time.perf_counter, time.process_time
    time.perf_counter, time.process_time = (lambda: 3 * slow() + AHEAD), (lambda: 3 * process())
    time.gmtime, time.localtime = of_now(time.gmtime, 0), of_now(time.localtime, 0)
    strftime = time.strftime
    time.strftime = lambda form, *given: strftime(form, *(given or [time.localtime()]))


if os.environ.get("LENS_CLOCK") == "ahead" and "snakemake" not in sys.orig_argv:
    set_clock()
