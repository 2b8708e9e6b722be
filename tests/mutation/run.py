"""Mutation testing: does a test go red when the code is changed a little?

    python -m tests.mutation.run [--list] [module ...]

For each module the tests are run once, noting which lines of it each test executes. Then every
mutant (mutants.py says which there are) is put in the module's place in a forked process,
and the tests that execute its statement are run, quickest first, until one fails. A statement that
only an import executes is tried by all tests that touch the module. A mutant is killed when a test
fails, when importing it fails, or when it takes ten times as long as the tests took and ten seconds
more. First the module as it is takes a mutant's place, which must survive.

Why not a library: mutmut 3 forks as well, but leaves decorated functions and what stands outside
functions as they are, and a mutant that it leaves out is a gap that no score shows. cosmic-ray
starts a process for every mutant, 4 to 8 seconds here for torch alone: some two hours of 1,328
mutants on two cores, where the forks take under half an hour.

A run of all modules writes results/torture/mutation.json. Fails where less than 90 % of a module's
mutants or 95 % of all are killed, none excused, or where a survivor is not explained in
tests/mutation/survivors.toml.
"""

import argparse
import gc
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.plugins import Selection, Tracer

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "results/torture/mutation.json"
EXPLAINED = ROOT / "tests/mutation/survivors.toml"
LEAST, LEAST_OF_ALL = 0.9, 0.95
# Each module, and quick tests that use it closely; those that start processes cannot see a mutant.
MODULES = {
    "best_of_n": "evaluation/best_of_n",
    "theory": "theory/bounds",
    "synthesis": "latent/synthesis",
    "vae": "latent/vae",
    "reward": "reward/mlp",
    "data": "data/pairs",
    "turns": "data/texts/turns",
    "conversations": "data/texts/conversations",
}
FORMS = [
    *(f"data/test_{name}" for name in ("pairs", "splits", "forms", "forms_by_row", "corpora")),
    "data/test_forms_errors",
]
TESTS = {
    "best_of_n": ["evaluation/test_best_of_n"],
    "theory": ["theory/test_bounds"],
    "synthesis": ["latent/test_synthesis", "reward/test_factored_batches"],
    "vae": [
        "latent/test_vae",
        "latent/test_converged",
        "latent/test_diagnose",
        "reward/test_factored_batches",
        "core/test_diagnostics",
    ],
    "reward": [
        f"reward/test_{name}" for name in ("mlp", "methods", "factored_batches", "soft_labels")
    ],
    "data": [*FORMS, "cli/test_prepare_pairs"],
    "turns": [*FORMS, "data/reading/test_traps", "data/reading/test_cures"],
    "conversations": [*FORMS, "data/reading/test_traps", "data/reading/test_cures"],
}
# What the tests import besides LENS: once, in the parent, rather than in each child.
LIBRARIES = (
    "torch",
    "torch._dynamo",
    "torch.testing",
    "torch.distributions",
    "numpy.testing",
    "pandas",
    "pyarrow.parquet",
    "safetensors.torch",
    "safetensors.numpy",
    "sklearn",
    "scipy.optimize",
    "hypothesis",
    "tqdm",
    "datasets",
    "transformers",
)
PASSED, FAILED, INTERRUPTED, NONE_LEFT = 0, 1, 2, 5  # pytest's exit codes


@dataclass
class Subject:
    """A module, its file, the tests that try it, and the folder to run them in."""

    module: str
    file: Path
    tests: list[Path]
    folder: Path

    def run_tests(self, plugin, *options: str) -> int:
        """Pytest's exit code, in this process."""
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutation",
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],  # an example that fails need not be shrunk
        )
        settings.load_profile("mutation")
        base = tempfile.mkdtemp(prefix="mutation-")
        quiet = ["-q", "--tb=no", f"--basetemp={base}/t"]
        quiet += [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "anyio")]
        try:
            return pytest.main([*quiet, *options, *map(str, self.tests)], plugins=[plugin])
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def cover(self) -> dict[str, tuple[float, set[int]]]:
        """(seconds, the module's lines executed) of each test that executes any.

        Raises SystemExit unless all tests pass as things are, in whatever order.
        """
        with tempfile.NamedTemporaryFile(prefix="mutation-") as file:
            self._must_pass(lambda: self._trace(Path(file.name)), "without any mutant")
            found = json.loads(Path(file.name).read_text())
        covered = {name: (seconds, set(lines)) for name, (seconds, lines) in found.items() if lines}
        code = compile(self.file.read_bytes(), str(self.file), "exec")
        self._must_pass(lambda: self.try_code(code, quickest(covered)), "in another order")
        return covered

    def _must_pass(self, work, how: str) -> None:
        if os.waitstatus_to_exitcode(os.waitpid(fork(work, self.folder), 0)[1]) != PASSED:
            raise SystemExit(f"{self.module}: its tests fail {how}. See with MUTATION_SHOW=1.")

    def _trace(self, out: Path) -> int:
        tracer = Tracer(self.file)
        code = self.run_tests(tracer)
        out.write_text(json.dumps(tracer.found))
        return code

    def try_code(self, code: CodeType, tests: list[str]) -> int:
        """Pytest's exit code with this code in the module's place."""
        package, _, name = self.module.rpartition(".")
        module = sys.modules[self.module] = ModuleType(self.module)
        module.__file__ = str(self.file)
        try:
            if package:
                setattr(importlib.import_module(package), name, module)
            exec(code, module.__dict__)
        except Exception:
            return FAILED
        return self.run_tests(Selection(tests), "-x")


def fork(work, folder: Path) -> int:
    """The id of a silent child process, in a group of its own, that ends with work's code."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        if not os.environ.get("MUTATION_SHOW"):
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
        code = int(work())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def chosen_tests(mutant: Mutant, covered: dict[str, tuple[float, set[int]]]) -> list[str]:
    """The tests that execute the mutant's statement, quickest first; all if only imports do."""
    own = {name: each for name, each in covered.items() if not each[1].isdisjoint(mutant.lines)}
    return quickest(own or covered)


def quickest(covered: dict[str, tuple[float, set[int]]]) -> list[str]:
    return sorted(covered, key=lambda name: covered[name][0])


def kill(child: int) -> None:
    """Ends a child and whatever it started, if they have not ended."""
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def examine(subject: Subject, workers: int, patience: float = 10) -> dict:
    """The module's mutants, how many were killed, and those that were not."""
    start, covered = time.perf_counter(), subject.cover()
    waiting = list(mutants(subject.file.read_text(encoding="utf-8"), str(subject.file)))[::-1]
    running, results, count = {}, defaultdict(list), len(waiting)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                mutant = waiting.pop()
                tests = chosen_tests(mutant, covered)
                limit = patience * (sum(covered[name][0] for name in tests) + 1)
                child = fork(lambda c=mutant.code, t=tests: subject.try_code(c, t), subject.folder)
                running[child] = mutant, time.perf_counter() + limit
            for child, (mutant, end) in list(running.items()):
                verdict = _verdict(child, end)
                if verdict:
                    results[verdict].append(mutant)
                    del running[child]
            time.sleep(0.005)
    finally:
        for child in running:
            kill(child)
    killed = count - len(results["survived"])
    return {
        "mutants": count,
        "killed": killed,
        "timed_out": len(results["timed_out"]),
        "share": round(killed / count, 4),
        "seconds": round(time.perf_counter() - start, 1),
        "tests": len(covered),
        "survivors": [
            {
                "line": m.lines[0],
                "function": m.function,
                "original": m.original,
                "mutated": m.mutated,
            }
            for m in sorted(results["survived"], key=lambda m: m.lines[0])
        ],
    }


def _verdict(child: int, end: float) -> str | None:
    """What became of a mutant's process: None while it runs and has time left."""
    ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        if time.perf_counter() < end:
            return None
        kill(child)
        os.waitpid(child, 0)
        return "timed_out"
    kill(child)
    code = os.waitstatus_to_exitcode(status)
    if code in (PASSED, NONE_LEFT):
        return "survived"
    if code in (FAILED, INTERRUPTED) or code < 0:  # below 0: ended by a signal, as by a crash
        return "killed"
    raise SystemExit(f"pytest ended with code {code}: see with MUTATION_SHOW=1.")


def explained(names) -> dict[tuple[str, ...], str]:
    """Why a survivor may survive, by module, function, statement before and after."""
    accepted = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["accepted"]
    return {
        tuple(mutant): each["why"]
        for each in accepted
        for mutant in each["mutants"]
        if mutant[0] in names
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Does a test go red when the code is changed?")
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(TESTS)}")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    options = parser.parse_args()
    names = options.modules or list(TESTS)
    if set(names) - set(TESTS):
        parser.error(f"modules are {', '.join(TESTS)}")
    files = {name: ROOT / f"lens/{MODULES[name]}.py" for name in names}
    if options.list:
        for name in names:
            for mutant in mutants(files[name].read_text(encoding="utf-8")):
                print(f"{name}:{mutant.lines[0]}: {mutant.original}  ->  {mutant.mutated}")
        return
    for library in LIBRARIES:
        importlib.import_module(library)
    import torch

    torch.set_num_threads(1)  # threads do not survive a fork
    gc.collect()
    gc.freeze()  # what is there already is looked at by no child's collector
    found = {}
    for name in names:
        tests = [ROOT / f"tests/{test}.py" for test in TESTS[name]]
        module = f"lens.{MODULES[name].replace('/', '.')}"
        found[name] = examine(Subject(module, files[name], tests, ROOT), os.cpu_count())
        print(
            "{:<12}{mutants:>5} mutants, {killed:>4} killed ({timed_out} by time), "
            "{share:.1%}, {seconds:.0f} s".format(name, **found[name]),
            flush=True,
        )
    sys.exit(report(found))


def report(found: dict) -> int:
    """Writes what was found and tells what is not as it should be; 1 if anything is not."""
    from lens.files.artifacts import write_json

    reasons, wrong = explained(found), 0
    stale = set(reasons)
    for name, module in found.items():
        for each in module["survivors"]:
            key = (name, each["function"], each["original"], each["mutated"])
            each["why"] = reasons.get(key, "")
            stale.discard(key)
            if not each["why"]:
                wrong = 1
                entry = json.dumps(key, ensure_ascii=False)  # as survivors.toml has it
                print(f"lens/{MODULES[name]}.py:{each['line']}: no test notices\n    {entry}")
        if module["share"] < LEAST:
            wrong = 1
            print(f"{name}: {module['share']:.1%} killed, less than {LEAST:.0%}.")
    for key in sorted(stale):
        print(f"{EXPLAINED.name}: no such survivor any more: {json.dumps(key)}")
    total = {key: sum(module[key] for module in found.values()) for key in ("mutants", "killed")}
    seconds = round(sum(module["seconds"] for module in found.values()), 1)
    total |= {"share": round(total["killed"] / total["mutants"], 4), "seconds": seconds}
    print("all: {killed} of {mutants} killed, {share:.1%}, {seconds:.0f} s".format(**total))
    if set(found) == set(TESTS):
        wrong |= total["share"] < LEAST_OF_ALL
        write_json(OUT, {"modules": found, "total": total})
    return wrong


if __name__ == "__main__":
    main()
