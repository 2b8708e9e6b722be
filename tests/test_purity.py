"""No stage reads the clock, the hash seed or a folder's order, and every draw has a seed."""

import pytest
from purity import sins
from workflow_tools import ROOT

# The only places, each with the reason why no result depends on it.
ALLOWED = {
    ("clock", "cost.py"): "says what a stage took, in a file of its own",
    ("clock", "shards.py"): "what a block took, for that file",
    ("clock", "cli/train_text.py"): "what each model took, for that file",
    ("clock", "advice.py"): "the time budget of `lens advise`: --rounds sets it aside",
    ("clock", "cli/advise.py"): "what is left of that budget",
    ("clock", "own_pairs.py"): "tells the user how long embedding will take",
    ("folder", "hub.py"): "files by name, and a set of names",
    ("folder", "shards.py"): "removes all of them",
    ("folder", "replacing.py"): "removes what the dead have left",
}


def found():
    return {
        (kind, str(file.relative_to(ROOT / "lens")))
        for file in sorted((ROOT / "lens").rglob("*.py"))
        for kind, _ in sins(file.read_text(encoding="utf-8"))
    }


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
    assert {name for name, _ in sins(source)} == {kind}


@pytest.mark.parametrize(
    "source",
    [
        "x = sorted(f for f in folder.glob('*') if f)",
        "x = any(folder.iterdir())",
        "x = sorted(set(a) - set(b))",
        "x = {y for y in set(a)}",
        "import numpy as np\nx = np.random.default_rng(3)",
        "x = torch.randn(3, generator=g)",
        "def f(random):\n    return random.choice([1, 2])",
        "x = Random('seed')",
        "x = time_of(now)",
    ],
)
def test_what_has_an_order_or_a_seed_is_left_alone(source):
    assert sins(source) == set()
