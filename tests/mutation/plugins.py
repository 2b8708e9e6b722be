"""What tests/mutation/run.py puts into pytest."""

import sys
import time
from pathlib import Path

import pytest


class Tracer:
    """A pytest plugin that notes each test's seconds, and its lines of one file."""

    def __init__(self, file: Path):
        self.file, self.found, self.lines = str(file), {}, set()

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename == self.file:
            self.lines.add(frame.f_lineno)
            return self
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.lines, start = set(), time.perf_counter()
        sys.settrace(self)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.found[item.nodeid] = time.perf_counter() - start, sorted(self.lines)


class Selection:
    """A pytest plugin that runs the tests named and no others, in that order."""

    def __init__(self, names: list[str]):
        self.order = {name: place for place, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid in self.order]
        items.sort(key=lambda item: self.order[item.nodeid])
