"""The reference page, the command line's help and its completion."""

import importlib.util
import inspect
import re
import shutil
import subprocess
import sys

import pytest

import lens
from lens.cli import FIRST, build_parser
from tests.helpers.workflow_tools import ROOT

HEAVY = {"torch", "transformers", "numpy"}


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(maker):
    return maker.reference()


def python(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sections(page):
    """{heading in ticks: what is written under it besides code, tables and blank lines}"""
    parts = re.split(r"^#+ (.+)$", page, flags=re.MULTILINE)[1:]
    bodies = {}
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        body = re.sub(r"^```.*?^```$|^\|.*?$", "", body, flags=re.MULTILINE | re.DOTALL)
        if heading.startswith("`"):
            assert heading not in bodies, f"{heading} is there twice"
            bodies[heading.strip("`")] = body.strip()
    return bodies


def commands():
    return build_parser()._subparsers._group_actions[0].choices


def test_page_is_up_to_date(page):
    written = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert written == page, "docstrings or arguments changed: run `python docs/make_reference.py`"


def test_everything_public_is_there_with_a_docstring(page):
    found = sections(page)
    expected = {*lens.__all__, *(f"lens {name}" for name in commands())}
    assert expected <= set(found)
    assert {heading.partition(".")[0] for heading in found} == expected
    assert [heading for heading, text in found.items() if not text] == []


def test_every_argument_is_there(page):
    for name, parser in commands().items():
        body = page.partition(f"### `lens {name}`\n")[2].partition("\n#")[0]
        rows = [re.split("[ ,`]", line[3:])[0] for line in body.splitlines() if line[:3] == "| `"]
        wanted = [(*action.option_strings, action.dest)[0] for action in parser._actions[1:]]
        assert sorted(row.strip("[].") for row in rows) == sorted(wanted)


def test_page_says_nothing_of_this_machine(page):
    assert "object at 0x" not in page
    assert "<function" not in page
    assert not re.findall(r"(?<![\w:/.~\]-])/\w+/.*", page), "an absolute path"


def test_signatures_read_like_the_source(maker):
    def some(one: lens.Recipe, two=print, *, last: lens.Recipe | None = None) -> "lens.Recipe":
        pass

    assert maker.function_code("some", some) == (
        "def some(one: Recipe, two=..., *, last: Recipe | None = None) -> Recipe"
    )
    many = {f"number_{number}": int for number in range(9)}
    parameters = [inspect.Parameter(name, 1, annotation=kind) for name, kind in many.items()]
    some.__signature__ = inspect.Signature(parameters)
    lines = [f"    {name}: int," for name in many]
    assert maker.function_code("some", some).splitlines() == ["def some(", *lines, ")"]


def test_escapes_only_outside_code(maker):
    assert maker.escape("a*b `c*d` <e> f_g _h") == r"a\*b `c*d` \<e> f_g \_h"
    assert maker.prose("\n    A * b\n\n        x < y * z\n    ") == "A \\* b\n\n    x < y * z"


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", ["import lens", "import lens.cli; lens.cli.build_parser().format_help()"]
)
def test_help_and_import_load_nothing_heavy(code):
    loaded = set(python("-c", f"import sys; {code}; print(*sys.modules)").split())
    assert "lens" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_names_the_commands(shell):
    script = python("-m", "lens", "completion", shell)
    words = set(re.findall(r"[\w-]+", script))
    assert {name.replace("_", "-") for name in FIRST} <= words
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")
