"""No stage reads the clock, the hash seed or a folder's order, and every draw has a seed."""

import pytest

from tests.helpers.purity import python_parts, sins
from tests.helpers.workflow_tools import ROOT

# The only functions, each with the reason why no result depends on it.
ALLOWED = {
    ("random", "lens/warm/server.py", "reseed"): "what a process of its own begins with",
    ("numpy", "lens/warm/server.py", "reseed"): "the same",
    ("clock", "lens/files/cost.py", ""): "says what a stage took, in a file of its own",
    ("clock", "lens/files/cost.py", "start"): "the same",
    ("clock", "lens/files/cost.py", "part"): "the same",
    ("clock", "lens/files/cost.py", "uses"): "the same",
    ("clock", "lens/files/cost.py", "measured"): "the same",
    ("clock", "lens/files/saves.py", "_make"): "what a block took, for that file",
    ("clock", "lens/files/saves.py", "piece"): "what each model took, for that file",
    ("clock", "lens/language/resuming.py", "__init__"): "when a training is saved",
    ("clock", "lens/language/resuming.py", "save_if_due"): "the same",
    ("clock", "lens/cli/each.py", "run"): "what each command took, for that file",
    ("clock", "lens/advice/budget.py", ""): "the budget of `lens advise`: --rounds sets it aside",
    ("clock", "lens/advice/budget.py", "spent"): "the same",
    ("clock", "lens/advice/advise.py", "_plan"): "the same",
    ("clock", "lens/advice/advise.py", "_cross_validate"): "the same",
    ("clock", "lens/cli/advise.py", "advise_with_one"): "what is left of that budget",
    (
        "clock",
        "lens/serving/known.py",
        "seconds_to_embed",
    ): "tells the user how long embedding will take",
    ("folder", "lens/files/hub.py", "download"): "files by name, of which a sum is taken",
    ("folder", "lens/files/hub.py", "_check_model"): "a set of names",
    ("folder", "lens/files/saves.py", "clear"): "removes all of them",
    ("folder", "lens/files/saves.py", "unfinished"): "removes all of them",
    ("folder", "lens/files/atomic.py", "_sweep"): "removes what the dead have left",
    ("folder", "lens/workflow/inputs.py", "set_damaged_aside"): "renames all of them",
    ("folder", "lens/workflow/batches.py", "batches"): "files by their number, taken in its order",
    ("folder", "lens/language/folders/weights.py", "whole_model"): "links all of them",
}


def found():
    rules = sorted((ROOT / "workflow/rules").glob("*.smk"))
    return {
        (kind, str(file.relative_to(ROOT)), function)
        for file in [*sorted((ROOT / "lens").rglob("*.py")), ROOT / "Snakefile", *rules]
        for part in python_parts(file.read_text(encoding="utf-8"))
        for kind, _, function in sins(part)
    }


@pytest.mark.slow
def test_what_would_change_from_run_to_run_stands_only_where_no_result_depends_on_it():
    """An allowance that nothing needs any more fails as well."""
    assert found() == set(ALLOWED)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import time\nx = time.time()", "clock"),
        ("import time\nx = f(time.strftime('%Y'))", "clock"),
        ("from time import perf_counter", "clock"),
        ("import datetime\nx = datetime.datetime.now()", "clock"),
        ("from datetime import date\nx = date.today()", "clock"),
        ("x = hash('a')", "hash"),
        ("import os\nfor f in os.listdir('.'): pass", "folder"),
        ("x = list(folder.glob('*'))", "folder"),
        ("x = [f for f in folder.iterdir() if f]", "folder"),
        ("for x in set(names): pass", "set"),
        ("x = list({1, 2})", "set"),
        ("x = ', '.join(set(a) - set(b))", "set"),
        ("x = [y for y in {a, b}]", "set"),
        ("x = sum(weight[y] for y in set(names))", "set"),
        ("x = max({a, b}, key=len)", "set"),
        ("def f(a):\n    names = set(a)\n    for n in names: pass", "set"),
        (
            "def f(a):\n    names: set = {*a}\n    others = names - b\n    return list(others)",
            "set",
        ),
        ("import numpy as np\nx = np.random.rand(3)", "numpy"),
        ("import numpy as np\nx = np.random.default_rng()", "numpy"),
        ("import random\nx = random.random()", "random"),
        ("from random import shuffle", "random"),
        ("x = Random()", "random"),
        ("import torch\nx = torch.randn(3)", "torch"),
        ("x.normal_()", "torch"),
        ("import uuid", "entropy"),
        ("import os\nx = os.urandom(8)", "entropy"),
    ],
)
def test_each_sin_is_found(source, kind):
    assert {name for name, *_ in sins(source)} == {kind}


def test_a_sin_has_a_line_and_the_function_around_it():
    source = "def outer():\n    def inner():\n        return hash(1)\nx = hash(2)"
    assert sins(source) == {("hash", 3, "outer"), ("hash", 4, "")}


def test_a_section_of_a_rule_file_is_read():
    text = (
        "if x:\n    rule one:\n        input: glob('*')\n        params:\n            a=hash(1),\n"
    )
    text += "include: time.time()\nwildcard_constraints:\n    b='|'.join({1, 2}),\n"
    kinds = {kind for part in python_parts(text) for kind, *_ in sins(part)}
    assert kinds == {"folder", "hash", "clock", "set"}
    text = (ROOT / "Snakefile").read_text()
    assert sum(map(len, python_parts(text))) > 0.7 * len(text)


@pytest.mark.parametrize(
    "source",
    [
        "x = sorted(f for f in folder.glob('*') if f)",
        "x = any(folder.iterdir())",
        "x = sorted(set(a) - set(b))",
        "x = {y for y in set(a)}",
        "def f(a):\n    names = set(a)\n    for n in sorted(names): pass",
        "def f(a):\n    names = set(a)\n    names = sorted(names)\n    for n in names: pass",
        "def f(a):\n    names = set(a)\ndef g(names):\n    for n in names: pass",
        "import numpy as np\nx = np.random.default_rng(3)",
        "x = torch.randn(3, generator=g)",
        "def f(random):\n    return random.choice([1, 2])",
        "x = Random('seed')",
        "x = time_of(now)",
    ],
)
def test_what_has_an_order_or_a_seed_is_left_alone(source):
    assert sins(source) == set()
