"""Malformed files end in pairs with a count, or in one message that names file, row and reason."""

import json
import re

import pandas as pd
import pytest

from lens.core.errors import LONGEST, shown
from tests.helpers import malformed_rows, malformed_tables, malformed_text
from tests.helpers.malformed import Kept, Refused, check_message, contents

CASES = malformed_text.CASES | malformed_tables.CASES | malformed_rows.CASES
PLACES = malformed_tables.PLACES


pytestmark = pytest.mark.usefixtures("one_parser")


def outputs(folder):
    return (
        *("--out", folder / "pairs.parquet"),
        *("--out-prompts", folder / "prompts.parquet"),
        *("--report", folder / "report.json"),
    )


def of(kind):
    return [name for name, (_, _, outcome) in CASES.items() if isinstance(outcome, kind)]


def put(folder, name):
    file, content, outcome = CASES[name]
    path = folder / file
    path.write_bytes(content)
    return path, outcome


@pytest.mark.slow
@pytest.mark.parametrize("name", of(Refused))
def test_what_cannot_be_read_is_refused_and_earlier_results_stay(tmp_path, fail, capsys, name):
    path, outcome = put(tmp_path, name)
    (tmp_path / "pairs.parquet").write_bytes(b"of an earlier run")
    before = contents(tmp_path)
    prepare = ("prepare-pairs", "--path", path, *outputs(tmp_path), "--invalid-rows")
    for command in (("check", "data", path), (*prepare, "error"), (*prepare, "drop")):
        text = fail(*command)
        check_message(text, path)
        assert re.search(outcome.reason, text), text
        assert not text.rstrip().endswith("."), "no command"
    assert contents(tmp_path) == before
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", of(Kept))
def test_what_can_be_read_is_kept_and_the_rest_counted(tmp_path, fail, lens, capsys, name):
    path, outcome = put(tmp_path, name)
    lens("check", "data", path, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["pairs"], found["dropped"]) == (outcome.pairs, outcome.dropped)
    prepare = ("prepare-pairs", "--path", path, *outputs(tmp_path))
    lens(*prepare, "--invalid-rows", "drop")
    assert len(pd.read_parquet(tmp_path / "pairs.parquet")) == outcome.pairs
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["rows_dropped"] == outcome.dropped
    assert report["rows_kept"] + sum(outcome.dropped.values()) == report["rows_read"]
    if outcome.dropped:
        before = contents(tmp_path)
        text = fail(*prepare)
        check_message(text, path)
        assert any(f"{places[0]}: " in text for places in report["first_dropped"].values())
        assert "invalid_rows: drop" in text
        assert "Look at it: python -c" in text
        assert contents(tmp_path) == before


def test_pairs_in_both_orders_are_kept_and_said(tmp_path, lens, capsys):
    """Which order is right nobody can tell from the file: both stay, and every tool counts them."""
    path, _ = put(tmp_path, "every pair in both orders")
    lens("check", "data", path)
    assert "24 pairs contradict one another" in capsys.readouterr().out
    lens("prepare-pairs", "--path", path, *outputs(tmp_path))
    found = json.loads((tmp_path / "report.json").read_text())["metrics"]
    assert found["contradicting_pairs"] == 24


def test_swapped_labels_of_pairs_that_stand_once_cannot_be_seen_in_the_file(tmp_path, lens, capsys):
    """No pair contradicts another: what is trained on them tells (docs/reliability.md)."""
    path, _ = put(tmp_path, "labels swapped in the second half")
    lens("check", "data", path)
    assert "contradict" not in capsys.readouterr().out
    lens("prepare-pairs", "--path", path, *outputs(tmp_path))
    found = json.loads((tmp_path / "report.json").read_text())["metrics"]
    assert found["contradicting_pairs"] == 0
    assert found["train_source"]["rows_kept"] == 12
    table = pd.read_parquet(tmp_path / "pairs.parquet")
    assert table["chosen"].str.startswith("good").sum() == 6


def test_there_are_enough_cases_of_both_kinds():
    assert len(of(Refused)) >= 50
    assert len(of(Kept)) >= 50


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_ordinary_file_is_refused_and_never_waited_for(tmp_path, fail, name):
    make, reason = PLACES[name]
    path = tmp_path / "x.jsonl"
    make(path)
    for command in (
        ("check", "data", path),
        ("prepare-pairs", "--path", path, *outputs(tmp_path)),
        (
            "prepare-candidates",
            "--path",
            path,
            "--out",
            tmp_path / "o",
            "--metrics",
            tmp_path / "m",
        ),
    ):
        text = fail(*command)
        check_message(text, path)
        assert f"x.jsonl: {reason}" in text
    assert [each.name for each in tmp_path.iterdir()] == ["x.jsonl"]


def test_a_pipe_without_a_suffix_is_not_taken_for_a_dataset(tmp_path, fail):
    PLACES["a pipe"][0](tmp_path / "pairs")
    assert "not a regular file" in fail("check", "data", tmp_path / "pairs")


@pytest.mark.parametrize("name", ["a\nb.jsonl", "\x1b]0;owned\x07.csv", "\u202ecsv.json"])
def test_names_of_files_cannot_steer_the_terminal(tmp_path, fail, name):
    (tmp_path / name).write_bytes(b"[")
    for path in (tmp_path / name, tmp_path / ("no" + name)):
        text = fail("check", "data", path)
        assert all(character.isprintable() for character in text), repr(text)
        assert name.encode("unicode_escape").decode() in text
    assert "\\x1b[2Jdata: no such file" in fail("check", "data", "\x1b[2Jdata")


def test_a_long_message_keeps_its_beginning_and_its_end():
    text = shown("x.csv, row 7: " + "\x1b" * 9999 + " Mend it.")
    assert text.startswith("x.csv, row 7: \\x1b")
    assert text.endswith("\\x1b Mend it.")
    assert " [...] " in text
    assert len(text) < 4 * LONGEST + 20
    assert shown("one\ntwo") == "one\ntwo"
