"""Malformed pools, RewardBench files and rows to be scored are refused; odd ones pass through."""

import io
import json
import re
import sys
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from lens.advice.preferences import read_pairs, summary
from tests.helpers.malformed import EVIL, among, check_message, contents, lines, parquet

pytestmark = pytest.mark.usefixtures("one_parser")


def pool(**more):
    return {"id": "p", "prompt": "q", "candidates": [{"response": "a", "gold": 1}, "b"]} | more


def scored(*golds):
    return pool(candidates=[{"response": "a", "gold": gold} for gold in golds])


POOLS = {
    "no candidates": (lines(pool(candidates=None)), "row 1: column candidates missing or null"),
    "no prompt": (lines(pool(), {"candidates": ["a", "b"]}), "row 2: column prompt missing"),
    "candidates as text": (lines(pool(candidates='["a", "b"]')), "row 1: .*must be a list"),
    "candidates as an object": (lines(pool(candidates={"a": 1})), "row 1: .*must be a list"),
    "a candidate that is a number": (lines(pool(candidates=["a", 7])), "row 1: an answer must be"),
    "a candidate that is null": (lines(pool(candidates=["a", None])), "row 1: an answer must be"),
    "no text": (lines(pool(candidates=[{"text": "a"}] * 2)), "row 1, candidate 0: no field 'resp"),
    "one candidate": (lines(pool(candidates=["a"])), "row 1: 1 candidates.*at least 2"),
    "empty pools": (lines(pool(candidates=[])), "row 1: 0 candidates"),
    "unequal pools": (lines(pool(), pool(id=2, candidates=["a"] * 3)), "row 2: 3 candidates"),
    "an id twice": (lines(pool(), pool()), "row 2: the id 'p' is used twice, first in row 1"),
    "half a character": (lines(pool(candidates=["a", "\ud800"])), "row 1: .*half a character"),
    "half a character in an id": (lines(pool(id="\udfff")), "row 1: .*half a character"),
    "no turns": (lines(pool(prompt=[])), "row 1: .*do not alternate"),
    "an unknown role": (lines(pool(prompt=[{"role": [], "content": "q"}])), "row 1: .*alternate"),
    "not UTF-8": (lines(pool()) + b"\xff", "row 2: not in UTF-8"),
    "nested too deeply": (b'{"candidates": ' + b"[" * 99_999, "row 1: .*nested too deeply"),
    "names that steer": (lines({EVIL: 1}), r"row 1: .*\\x1b\]0;owned"),
}
GOLDS = {
    "no score": (lines(pool()), "row 1, candidate 1: 'gold' is None"),
    "NaN": (lines(scored(1, float("nan"))), "row 1, candidate 1: 'gold' is nan"),
    "infinity": (lines(scored(1, float("-inf"))), "row 1, candidate 1: 'gold' is -inf"),
    "a word": (lines(scored("five", 1)), "row 1, candidate 0: 'gold' is 'five'"),
    "true": (lines(scored(True, 1)), "row 1, candidate 0: 'gold' is True"),
    "a list": (lines(scored(1, [1])), r"row 1, candidate 1: 'gold' is \[1\]"),
    "4000 digits": (lines(scored(1, 10**3999)), "row 1, candidate 1: 'gold' is 1000"),
}


def pool_command(folder, path, command="prepare-candidates"):
    return command, "--path", path, "--out", folder / "o.parquet", "--metrics", folder / "m.json"


@pytest.mark.parametrize(
    ("command", "name"),
    [("prepare-candidates", name) for name in POOLS] + [("import-gold", name) for name in GOLDS],
)
def test_malformed_pools_are_refused_and_nothing_is_written(tmp_path, fail, command, name):
    content, reason = (POOLS if command == "prepare-candidates" else GOLDS)[name]
    path = tmp_path / "pool.jsonl"
    path.write_bytes(content)
    text = fail(*pool_command(tmp_path, path, command))
    assert re.search(reason, text), text
    check_message(text, path)
    assert list(contents(tmp_path)) == ["pool.jsonl"]


def test_odd_pools_are_taken_as_they_are(tmp_path, lens):
    odd = ["\u202eright to left", "\U0001f469\u200d\U0001f4bb", "NA", "", " \u200b"]
    rows = [
        {"prompt": f"q{i}", "candidates": odd, "id": given}
        for i, given in enumerate([None, float("nan"), "", 7, "x"])
    ]
    (tmp_path / "pool.jsonl").write_bytes(lines(*rows))
    lens(*pool_command(tmp_path, tmp_path / "pool.jsonl"))
    found = pd.read_parquet(tmp_path / "o.parquet")
    assert list(found["response"]) == odd * 5
    assert list(found["prompt_id"].unique()) == ["1", "2", "3", "7", "x"]


class Lengths:
    """Stands for a reward model: a text's reward is its length."""

    card = note = None

    def caching(self, *, progress=False):
        return nullcontext()

    def embed(self, prompts, responses):
        return np.array([[float(len(text))] for text in responses])

    def score_embeddings(self, embeddings):
        return embeddings[:, 0]

    def score(self, prompts, responses):
        return self.score_embeddings(self.embed(prompts, responses))


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr("lens.cli.shared.your_data.reward_model", lambda args: Lengths())


def example(**more):
    return {"prompt": "q", "subset": "donotanswer", "chosen": "yes", "rejected": "no"} | more


def second(**more):
    return {
        "id": "1",
        "prompt": "q",
        "subset": "Math",
        "chosen": ["yes"],
        "rejected": ["no"],
    } | more


def tie(given):
    return second(subset="Ties", id=given, chosen=["a", "b"])


BENCH = {
    "no subset": (
        lines(example(), {"prompt": "q", "chosen": "a", "rejected": "b"}),
        "row 2: column subset missing",
    ),
    "a subset that is a list": (lines(example(subset=["x"])), "row 1: the subset is"),
    "a subset that is null": (lines(example(subset=None)), "row 1: the subset is None"),
    "an answer that is a number": (lines(example(chosen=1)), "row 1: an answer must be text"),
    "half a character": (lines(example(rejected="\ud800")), "row 1: .*half a character"),
    "an empty question": (lines(example(prompt=" ")), "row 1: the prompt must end"),
    "no turns": (lines(example(prompt=[])), "row 1: the prompt must end"),
    "both versions": (lines(second(), example()), "row 2: .*not a list of responses"),
    "no right answer": (lines(second(), second(chosen=[])), "row 2: .*not a list of responses"),
    "another count": (lines(second(num_correct=[1])), r"row 1: num_correct is \[1\]"),
    "ties without a question": (lines(tie("ref:x")), "row 1: the id 'ref:x' is not"),
    "ties of 5000 digits": (lines(tie("ref:" + "9" * 5000)), "row 1: the id 'ref:999"),
    "ties of one kind": (lines(tie("tied:1")), "row 1: no question of Ties is there both"),
    "names that steer": (lines(example(subset=7, id=EVIL)), "row 1: the subset is 7"),
    "trailing comma": (lines(b'{"prompt": "q",}'), "row 1: not valid JSON"),
}


@pytest.mark.parametrize("name", BENCH)
def test_malformed_benchmarks_are_refused(tmp_path, fail, model, capsys, name):
    content, reason = BENCH[name]
    path = tmp_path / "bench.jsonl"
    path.write_bytes(content)
    text = fail("reward-bench", "none", "--data", path, "--out", tmp_path / "result.json")
    check_message(text, path)
    assert re.search(reason, text), text
    assert capsys.readouterr().out == ""
    assert list(contents(tmp_path)) == ["bench.jsonl"]


def test_odd_benchmarks_are_judged_and_shown_safely(tmp_path, lens, model, capsys):
    path = tmp_path / "bench.jsonl"
    path.write_bytes(lines(example(subset=EVIL, chosen="\u05d0\u05d1\u05d2"), example(chosen="")))
    lens("reward-bench", "none", "--data", path, "--version", 1)
    shown = capsys.readouterr().out
    assert all(character.isprintable() for character in shown.replace("\n", ""))
    assert "\\x1b]0;owned\\x07\\u202e" in shown


SCORED = {
    "no response": ("score", lines({"prompt": "q"}), "row 1: needs `prompt` and `response`"),
    "a null prompt": ("score", lines({"prompt": None, "response": "a"}), "row 1: needs `prompt`"),
    "a number": ("score", lines({"prompt": "q", "response": 7}), "row 1: an answer must be text"),
    "half a character": ("score", lines({"prompt": "q", "response": "\ud800"}), "row 1: .*half"),
    "a list for a row": ("score", lines([1]), "row 1: a JSON object is needed"),
    "no answers": (
        "score",
        lines({"prompt": "q", "chosen": None, "rejected": "b"}),
        "row 1: an answer must be text",
    ),
    "not UTF-8": ("score", lines({"prompt": "q", "response": "a"}) + b"\xff\n", "row 2: .*UTF-8"),
    "an empty pool": ("best-of", lines({"prompt": "q", "candidates": []}), "row 1: needs `prompt`"),
    "no pool": ("best-of", lines({"prompt": "q", "candidates": "a"}), "row 1: needs `prompt`"),
    "a null in a pool": (
        "best-of",
        lines({"prompt": "q", "candidates": ["a", None]}),
        "row 1: an answer must be text",
    ),
    "nested too deeply": ("best-of", b"[" * 99_999, "row 1: .*nested too deeply"),
}


@pytest.mark.parametrize("name", SCORED)
def test_rows_that_cannot_be_scored_leave_no_file(tmp_path, fail, model, name):
    command, content, reason = SCORED[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    text = fail(command, "none", path, "--out", tmp_path / "out.jsonl")
    check_message(text, path)
    assert re.search(reason, text), text
    assert list(contents(tmp_path)) == ["rows.jsonl"]


def test_rows_keep_what_only_json_can_hold(tmp_path, lens, model):
    """Columns that are not read pass through, be they half a character, NaN or nested."""
    row = {"prompt": "q", "response": "abc", "note": "\ud800\u202e", "list": [[[]]], "\udfff": None}
    (tmp_path / "rows.jsonl").write_bytes(lines(row))
    lens("score", "none", tmp_path / "rows.jsonl", "--out", tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_bytes()) == row | {"reward": 3.0}


def test_a_pipe_that_is_not_utf_8_is_refused_by_row(fail, model, monkeypatch):
    given = lines({"prompt": "q", "response": "a"}) + "{\u201c}".encode("cp1252")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + given)))
    assert "standard input, row 2: not in UTF-8" in fail("score", "none", "-", "--chunk", 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (among()[:-20], "row 12: not valid JSON"),
        (lines({"prompt": "p", "chosen": "a", "rejected": "a"}), "row 1: chosen and rejected"),
        (lines({EVIL: 1}), r"row 1: .*\\x1b\]0;owned"),
    ],
)
def test_advice_on_malformed_pairs_is_refused(tmp_path, fail, content, reason):
    path = tmp_path / "own.jsonl"
    path.write_bytes(content)
    text = fail("advise", path, "--model", "none", "--out", tmp_path / "advice")
    check_message(text, path)
    assert re.search(reason, text), text


def test_the_summary_of_pairs_cannot_steer_the_terminal(tmp_path):
    path = tmp_path / "x.parquet"
    rows = [{"prompt": f"p{i}", "chosen": "a", "rejected": "b", EVIL: i} for i in range(3)]
    path.write_bytes(parquet(pd.DataFrame(rows)))
    said = summary(read_pairs(path))
    assert said.isprintable()
    assert "Columns not read: \\x1b]0;owned" in said
