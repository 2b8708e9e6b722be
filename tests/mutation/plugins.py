"""What tests/mutation/run.py puts into pytest and into Python's import."""

import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType

import pytest


class Tracer:
    """A pytest plugin that notes the lines of one file that each test executes."""

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
        items[:] = sorted(
            (item for item in items if item.nodeid in self.order),
            key=lambda item: self.order[item.nodeid],
        )


class Substitute:
    """An import hook that gives one module other code."""

    def __init__(self, module: str, code: CodeType):
        self.module, self.code = module, code

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, origin="mutant") if name == self.module else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.code, module.__dict__)
