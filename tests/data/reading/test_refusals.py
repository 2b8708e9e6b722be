"""Each refusal of the reader ends in commands that can be pasted, and lead to a reading."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from lens.cli import build_parser
from lens.core.errors import LensError
from lens.data import forms
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_rows
from tests.helpers.refused_rows import COLUMNS, REFUSED, SHOWN

FILE = "own data.jsonl"
PARSER = build_parser()
COMMAND = re.compile(r"lens check data .*?(?= -- |$)")
# Refusals that rows alone cannot provoke (an argument, a stream), or that have tests of their own.
ELSEWHERE = {"to_pairs", "find_form", "no_texts", "filled_later", "winning_side", "read_label"}
ELSEWHERE |= {"_ratings", "expanded", "_require_speakers", "_on_a_scale", "_require_words"}


def refusal(rows, columns):
    """The message with which rows are refused; None if they are read."""
    places = [(f"{FILE}, row {number}", row) for number, row in enumerate(rows, 1)]
    try:
        normalise_pairs(to_pairs(places, columns=columns)[0])
    except LensError as error:
        return str(error)
    return None


def given(command):
    """The --columns of a command, as the command line reads them."""
    words = shlex.split(command)
    assert words[:3] == ["lens", "check", "data"]
    args = PARSER.parse_args(words[1:])
    assert args.source == ["data", FILE]
    return args.columns


def said_in(value):
    """All names and texts in rows, of exports too."""
    if isinstance(value, dict):
        return {*map(str, value)}.union(*map(said_in, value.values()))
    return set().union(*map(said_in, value)) if isinstance(value, list) else {str(value)}


def lead_on(rows, columns, steps=3):
    """Follows each command that a refusal prints, until the rows are read."""
    message = refusal(rows, columns)
    if message is None:
        return True
    assert steps, message
    commands = COMMAND.findall(message)
    found = []
    for command in commands:
        asked = given(command)
        assert asked
        for theirs in filter(None, asked.values()):
            assert theirs.partition(".")[0] in said_in(rows), command
        assert refusal(rows, asked) != message, command
        found.append(lead_on(rows, asked, steps - 1))
    return any(found)


@pytest.mark.parametrize("name", REFUSED)
def test_the_commands_that_a_refusal_prints_lead_to_a_reading(name):
    rows, columns = REFUSED[name], COLUMNS.get(name, {})
    message = refusal(rows, columns)
    assert message is not None
    assert message.startswith((FILE, "no usable pair"))
    if name in SHOWN:
        shown = shlex.split(message.rpartition("Look at it: ")[2])
        assert (shown[:2], shown[3:]) == (["python", "-c"], [FILE])
        ast.parse(shown[2])
    else:
        assert COMMAND.search(message)
        assert message.endswith("'")
        assert lead_on(rows, columns)


def test_the_table_has_each_refusal_of_the_reader(monkeypatch):
    """All functions of the reader that make a refusal are reached by one of the rows."""
    folder, made = Path(forms.__file__).parent, set()
    files = [folder / "forms.py", folder / "annotations/judgements.py"]
    files += [folder / "annotations/questions.py", folder / "annotations/alone.py"]
    files += sorted((folder / "reading").rglob("*.py"))
    for node in (node for path in files for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.FunctionDef):
            inside = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
            called = [getattr(each.func, "id", "") for each in inside]
            nested = any(isinstance(each, ast.FunctionDef) for each in node.body)
            made |= {node.name} if "LensError" in called and not nested else set()
    told = {name.partition(":")[0] for name in REFUSED}
    assert made - ELSEWHERE <= told, made - ELSEWHERE - told


def test_a_row_can_be_looked_at(tmp_path, capsys, monkeypatch):
    path = tmp_path / "own.csv"
    path.write_text("prompt,response,rating\nq,a,gut\nq,b,2\n")
    with pytest.raises(LensError) as error:
        to_pairs(read_rows(path))
    command = shlex.split(str(error.value).rpartition("Look at it: ")[2])
    monkeypatch.setattr("sys.argv", ["-c", command[3]])
    exec(command[2], {})
    assert ast.literal_eval(capsys.readouterr().out)["rating"] == "gut"
