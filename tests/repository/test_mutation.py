"""The mutation script itself, on texts of a line and on a module of three functions."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants

TOY = """\
def positive(x):
    return x if x > 0 else 0


def emptied(n):
    while n:
        n = n * 0
    return n


def untried(x):
    -x
"""
TESTS = """\
from toy import emptied, positive


def test_positive():
    assert [positive(x) for x in (-3, 0, 1, 3)] == [0, 0, 1, 3]


def test_emptied():
    assert emptied(3) == 0
"""
EXAMINE = """\
import json
from pathlib import Path

import hypothesis  # once, not in each child
from tests.mutation.run import Subject, examine

subject = Subject("toy", Path("toy.py").resolve(), [Path("test_toy.py")], Path.cwd())
print(json.dumps(examine(subject, workers=2, patience=5)))
"""


def examine(folder, tests):
    (folder / "toy.py").write_text(TOY)
    (folder / "test_toy.py").write_text(tests)
    own = f"import sys; sys.path.append({str(Path(__file__).parents[2])!r})\n"
    return subprocess.run(
        [sys.executable, "-c", own + EXAMINE], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.slow
def test_mutants_are_killed_survive_or_are_timed_out(tmp_path):
    result = examine(tmp_path, TESTS)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    survivors = {(each["original"], each["mutated"]) for each in found["survivors"]}
    assert survivors == {
        ("return x if x > 0 else 0", "return x if x >= 0 else 0"),  # equivalent: 0 either way
        ("-x", "x"),  # no test calls it
        ("-x", "pass"),
    }
    assert found["timed_out"] >= 1  # n * 1 is never 0; on a busy machine another one, too
    assert found["mutants"] == found["killed"] + len(survivors)


@pytest.mark.slow
def test_tests_that_fail_by_themselves_are_not_taken_for_kills(tmp_path):
    result = examine(tmp_path, TESTS.replace("[0, 0, 1, 3]", "[0, 0, 1, 4]"))
    assert result.returncode == 1
    assert "its tests fail without any mutant" in result.stderr


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b + c", ["a = b - c"]),
        ("a = b[1:c]", ["a = b[:c]", "a = b[1:]", "a = b[2:c]", "a = b[0:c]"]),
        ("a = 0 < b <= c", ["a = 0 <= b <= c", "a = 0 < b < c", "a = 1 < b <= c"]),
        ("a = not b or c", ["a = not b and c", "a = b or c"]),
        ("a.b += c", ["a.b = c", "a.b -= c", "pass"]),
        (
            "a = b.mean(dim=c).exp()",
            ["a = b.mean(dim=c)", "a = b.mean().exp()", "a = b.sum(dim=c).exp()"],
        ),
        ("a = b(strict=True)", ["a = b(strict=False)"]),
        ("if a:\n    b = c", ["if True:", "if False:"]),
        (
            "def f(a: int=2):\n    '''Text.'''\n    return f'a {a + b}'",
            ["def f(a: int=3):", "return None", "return f'a {a - b}'"],
        ),
        ("raise E('key', 'what is wrong')", ["pass", "raise E('XXkeyXX', 'what is wrong')"]),
    ],
)
def test_every_small_change_is_made_once_and_words_of_messages_are_left(source, expected):
    assert sorted(mutant.mutated for mutant in mutants(source)) == sorted(expected)
