"""`lens score` and `lens best-of` with a model fitted on own pairs."""

import io
import json
import re
import sys

import numpy as np
import pytest

from lens.core import progress
from lens.serving.reward_model import RewardModel
from tests.helpers.word_pairs import jsonl, some_rows


def test_score_adds_to_rows_and_keeps_their_order(workplace, lens, tmp_path, capsys):
    rows = [{"id": i, **row} for i, row in enumerate(some_rows(70, seed=2))]
    lens(
        *f"score {workplace}/model {jsonl(tmp_path / 'in.jsonl', rows)} --out "
        f"{tmp_path}/out.jsonl --chunk 16".split()
    )
    scored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [{k: row[k] for k in rows[0]} for row in scored] == rows
    model = RewardModel.load(workplace / "model")
    expected = model.score([r["prompt"] for r in rows], [r["chosen"] for r in rows])
    np.testing.assert_allclose([r["reward_chosen"] for r in scored], expected, atol=1e-5)
    gaps = np.array([r["reward_chosen"] - r["reward_rejected"] for r in scored])
    np.testing.assert_allclose([r["probability"] for r in scored], 1 / (1 + np.exp(-gaps)))
    right = 100 * (gaps > 0).mean()
    said = capsys.readouterr().err
    assert f"70 pairs scored; the labelled answer is preferred in {right:.1f} %" in said
    assert "expected calibration error" in said


def test_score_reads_a_pipe_and_writes_as_it_goes(workplace, lens, monkeypatch, capsys):
    rows = [{"prompt": "w1", "response": text} for text in ("w2", "", "w3 w4")]
    rows.append(
        {
            "prompt": [{"role": "user", "content": "w1"}],
            "completion": [{"role": "assistant", "content": "w2"}],
        }
    )
    given = "".join(json.dumps(row) + "\n" for row in rows)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    lens("score", workplace / "model", "--chunk", 1)
    said = capsys.readouterr()
    scored = [json.loads(line) for line in said.out.splitlines()]
    assert len({row["reward"] for row in scored[:3]}) == 3
    assert scored[3]["reward"] == pytest.approx(scored[0]["reward"], abs=1e-5)
    assert "4 rows scored." in said.err


@pytest.fixture
def texts_read(monkeypatch):
    """The token ids of every text that a model is given from now on."""
    from lens.language import embedding

    read, embed = [], embedding.embed

    def counted(model, token_ids, **options):
        read.extend(map(tuple, token_ids))
        return embed(model, token_ids, **options)

    monkeypatch.setattr(embedding, "embed", counted)
    return read


@pytest.mark.parametrize("command", ["score", "best-of"])
@pytest.mark.parametrize("cached", [True, False])
def test_a_text_in_many_chunks_is_read_once(
    workplace, lens, tmp_path, monkeypatch, texts_read, command, cached
):
    """12 chunks of 2 rows with 4 distinct answers to one prompt, and the test text of the model."""
    monkeypatch.setenv("LENS_CACHE", str(tmp_path / "cache") if cached else "off")
    answers = ["w2", "w3 w4", "w5 w6 w7", "w8"]
    pairs = [(answers[i % 4], answers[(i + 1) % 4]) for i in range(24)]
    rows = [
        {"prompt": "w1", "chosen": first, "rejected": second}
        if command == "score"
        else {"prompt": "w1", "candidates": [first, second]}
        for first, second in pairs
    ]
    source = jsonl(tmp_path / "in.jsonl", rows)
    results = []
    for run in range(2):
        texts_read.clear()
        out = tmp_path / f"{run}.jsonl"
        lens(command, workplace / "model", source, "--out", out, "--chunk", 2)
        assert len(texts_read) == len(set(texts_read)) == (1 if cached and run else 1 + 4)
        results.append([json.loads(line) for line in out.read_text().splitlines()])
    assert results[0] == results[1]
    model = RewardModel.load(workplace / "model")
    expected = model.score(["w1"] * 4, answers)
    found = [
        [row["reward_chosen"], row["reward_rejected"]] if command == "score" else row["rewards"]
        for row in results[0]
    ]
    wanted = [[expected[i % 4], expected[(i + 1) % 4]] for i in range(24)]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("command", ["score", "best-of", "reward-bench"])
def test_a_log_says_how_far_it_is(workplace, lens, tmp_path, monkeypatch, capsys, command):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    rows = [{"prompt": "w1", "chosen": f"w{i}", "rejected": f"w{i} w3"} for i in range(5, 11)]
    if command == "best-of":
        rows = [{"prompt": "w1", "candidates": [row["chosen"], row["rejected"]]} for row in rows]
    if command == "reward-bench":
        rows = [row | {"subset": "shp"} for row in rows]
    source = jsonl(tmp_path / "in.jsonl", rows)
    where = (source, "--chunk", 4) if command != "reward-bench" else ("--data", source)
    lens(command, workplace / "model", *where, "--out", tmp_path / "out")
    lines = [line.partition(" %")[0] for line in capsys.readouterr().err.splitlines()]
    if command == "reward-bench":
        tokens = re.search(r"embed: ([1-9]\d*) of \1 tokens \(100$", "\n".join(lines), re.MULTILINE)
        assert tokens, lines
    else:
        assert {f"{command}: 4 of 6 rows (67", f"{command}: 6 of 6 rows (100"} <= set(lines)


def test_score_names_the_row_that_it_cannot_use(workplace, fail, tmp_path):
    source = jsonl(tmp_path / "in.jsonl", [{"prompt": "w1", "response": "w2"}, {"prompt": "w1"}])
    message = fail("score", workplace / "model", source, "--out", tmp_path / "out.jsonl")
    assert "row 2: needs `prompt` and `response`, or `chosen` and `rejected`" in message
    assert not (tmp_path / "out.jsonl").exists()


def test_best_of_picks_by_reward(workplace, lens, tmp_path, capsys):
    rows = [
        {"prompt": "w1", "candidates": ["w2", "w3 w4", "w30"]},
        {"prompt": "w5", "responses": [{"text": "w6"}, {"text": "w7 w8"}]},
    ]
    lens("best-of", workplace / "model", jsonl(tmp_path / "in.jsonl", rows))
    picked = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    model = RewardModel.load(workplace / "model")
    for row, texts in zip(picked, (["w2", "w3 w4", "w30"], ["w6", "w7 w8"]), strict=True):
        expected = model.score([row["prompt"]] * len(texts), texts)
        np.testing.assert_allclose(row["rewards"], expected, atol=1e-5)
        assert row["best"] == expected.argmax()
        assert row["best_response"] == texts[row["best"]]


def test_trouble_with_files_and_devices_gets_a_sentence(workplace, fail, tmp_path):
    pairs, model = workplace / "pairs.jsonl", workplace / "model"
    for device in ("foo", "cuda:99"):
        assert f"device {device}: cannot be used here" in fail(
            "score", model, pairs, "--device", device, "--out", tmp_path / "x"
        )
    (tmp_path / "file").write_text("")
    for arguments in (
        ["score", model, pairs, "--out", tmp_path],
        ["fit", "--advice", workplace / "advice", "--out", tmp_path / "file/below"],
    ):
        assert str(tmp_path) in fail(*arguments)


def test_rows_with_dates_are_scored(workplace, lens, tmp_path, capsys):
    import datetime

    import pandas as pd

    rows = [{"prompt": "w1", "response": "w2", "day": datetime.date(2026, 1, 2)}]
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    lens("score", workplace / "model", tmp_path / "rows.parquet")
    assert json.loads(capsys.readouterr().out)["day"] == "2026-01-02"


def test_texts_that_were_cut_are_reported(workplace, lens, tmp_path, capsys):
    """As `embed` and `fit` do: a reward that did not see all of a text says so."""
    long = " ".join(["w3"] * 90)
    rows = tmp_path / "long.jsonl"
    rows.write_text(
        "".join(json.dumps({"prompt": "w1", "response": r}) + "\n" for r in ("w2", long))
    )
    said = "1 text is longer than the encoder reads and was cut on the left"
    lens("score", workplace / "model", rows)
    assert said in capsys.readouterr().err
    rows.write_text(json.dumps({"prompt": "w1", "candidates": ["w2", long]}) + "\n")
    lens("best-of", workplace / "model", rows)
    assert said in capsys.readouterr().err
    rows.write_text(json.dumps({"prompt": "w1", "response": "w2"}) + "\n")
    lens("score", workplace / "model", rows)
    assert "cut on the" not in capsys.readouterr().err
