"""Judges of text space as a user calls them: models, an endpoint, and what they cannot read."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.helpers.judge_server import KEY, needs_openai, says, server
from tests.helpers.word_pairs import PROMPT, candidates


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "judge.txt"
    path.write_text("w7 {prompt} w8 {first} w9 {second}")
    return path


def judge(lens, tmp_path, llama_folder, template, responses, *more):
    lens(
        *(
            f"judge-responses --responses {candidates(tmp_path / 'r.parquet', responses)} "
            f"--model {llama_folder} --template {template} --max-new-tokens 4"
        ).split(),
        *more,
        *f"--out {tmp_path}/v.parquet --metrics {tmp_path}/metrics.json".split(),
    )
    facts = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    return pd.read_parquet(tmp_path / "v.parquet"), facts


def test_a_model_that_says_nothing_sensible_is_counted(lens, tmp_path, llama_folder, template):
    judged, facts = judge(lens, tmp_path, llama_folder, template, ["w3", "w4", "", "w5"])
    assert len(judged) == 3 * 3  # every two of the distinct responses that hold text
    assert (judged["preferred"] == "none").all()
    assert facts["a_first"]["unparsable"] == facts["pairs"] == 9


def test_a_pair_too_long_for_the_judge_is_counted(lens, tmp_path, llama_folder, template):
    judged, facts = judge(lens, tmp_path, llama_folder, template, ["w3", "w4", "w5 " * 60])
    assert facts["a_first"]["failed"] == 3 * 2
    assert facts["a_first"]["unparsable"] == 3
    assert len(judged) == 9


@pytest.mark.parametrize("more", [(), ("--verdict", "probability", "--labels", "w10", "w11")])
def test_a_judge_for_which_every_pair_is_too_long_is_refused(
    lens, tmp_path, llama_folder, template, more
):
    with pytest.raises(SystemExit, match="all 3 pairs are too long for the 5 tokens"):
        judge(lens, tmp_path, llama_folder, template, ["w3", "w4"], "--max-length", "5", *more)


def test_probabilities_prefer_the_same_answer_whatever_its_place(
    lens, tmp_path, llama_folder, template
):
    options = ("--verdict", "probability", "--labels", "w10", "w11", "--opening", "")
    judged, _ = judge(lens, tmp_path, llama_folder, template, ["w3", "w4"], *options)
    again, _ = judge(lens, tmp_path, llama_folder, template, ["w4", "w3"], *options)
    assert judged["preferred"].isin(["a", "b"]).all()
    better = [
        set(np.where(table["preferred"] == "a", table["a"], table["b"]))
        for table in (judged, again)
    ]
    assert better[0] == better[1]
    assert len(better[0]) == 1


def test_without_verdicts_no_scale_is_met(lens, fail, tmp_path, llama_folder, template):
    judge(lens, tmp_path, llama_folder, template, ["w3", "w4"])
    rows = [(f"p{i}", PROMPT, "w3", "w4", f"g{i}", "train") for i in range(3)]
    columns = ["id", "prompt", "chosen", "rejected", "group", "split"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "pairs.parquet")
    message = fail(
        *f"label-pairs --pairs {tmp_path}/pairs.parquet --n-pairs 3 --seeds 0 --scale 2 "
        f"--verdicts {tmp_path}/v.parquet --out {tmp_path}/s.parquet --metrics "
        f"{tmp_path}/m.json".split()
    )
    assert "scale 2 needs 3 synthetic pairs" in message
    assert "without a verdict" in message
    assert not (tmp_path / "s.parquet").exists()


@pytest.mark.slow
@needs_openai
def test_a_judge_that_fails_too_often_makes_no_verdicts(fail, tmp_path, template, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    files = [
        candidates(tmp_path / f"{name}.parquet", [f"w{n}"]) for name, n in (("a", 3), ("b", 4))
    ]

    def script(text, times):
        if text.index("w3") < text.index("w4"):
            return says("[[A]]")
        return 500, {"Retry-After": "0.01"}, {}

    with server(script) as (base_url, _):
        message = fail(
            "judge-sft",
            "--answers",
            *files,
            *(
                f"--model judge --base-url {base_url} --template {template} --cache "
                f"{tmp_path}/answers.jsonl --retries 1 --out {tmp_path}/v.parquet --metrics "
                f"{tmp_path}/metrics.json"
            ).split(),
        )
    assert "3 of 6 calls got no answer" in message
    assert "run again to ask for the rest" in message
    assert not (tmp_path / "v.parquet").exists()
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 1


@needs_openai
def test_an_endpoint_judges_sft_answers_and_a_rerun_asks_nothing(
    lens, tmp_path, template, monkeypatch, capsys
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def script(text, times):  # likes w3, wherever it stands
        return says("[[A]]" if text.index("w3") < text.index("w4") else "[[B]]")

    files = [
        candidates(tmp_path / f"{name}.parquet", [f"w{n}"]) for name, n in (("a", 3), ("b", 4))
    ]
    with server(script) as (base_url, asked):
        for _ in range(2):
            lens(
                "judge-sft",
                "--answers",
                *files,
                *(
                    f"--model judge --base-url {base_url} --template {template} --cache "
                    f"{tmp_path}/answers.jsonl --input-price 2 --output-price 8 "
                    f"--max-new-tokens 100 --out {tmp_path}/v.parquet --metrics "
                    f"{tmp_path}/metrics.json"
                ).split(),
            )
        assert len(asked.texts) == 2  # three prompts are one text in each order
    judged = pd.read_parquet(tmp_path / "v.parquet")
    assert (judged["preferred"] == "a").all()
    facts = json.loads((tmp_path / "metrics.json").read_text())
    assert facts["metrics"]["consistent"] == 1
    assert facts["metrics"]["position_bias"] == 0
    written = "".join(file.read_text() for file in tmp_path.glob("*.json*"))
    assert KEY not in written
    assert KEY not in capsys.readouterr().err


def test_an_endpoint_needs_a_place_for_its_answers(fail, tmp_path, template):
    files = [candidates(tmp_path / f"{name}.parquet", ["w3"]) for name in "ab"]
    message = fail(
        "judge-sft",
        "--answers",
        *files,
        *(
            f"--model judge --base-url http://localhost:1/v1 --out {tmp_path}/v.parquet "
            f"--metrics {tmp_path}/metrics.json"
        ).split(),
    )
    assert "needs --cache" in message
