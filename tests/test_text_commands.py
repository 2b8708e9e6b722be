"""Commands of text space as a user types them, on small models; the workflow runs the others."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from test_endpoint import KEY, needs_openai, says, server

PROMPT = json.dumps([{"role": "user", "content": "w1 w2"}])


def candidates(path, responses, prompts=3):
    rows = [
        (f"p{number}", PROMPT, f"g{number}", place, text)
        for number in range(prompts)
        for place, text in enumerate(responses)
    ]
    table = pd.DataFrame(rows, columns=["prompt_id", "prompt", "group", "candidate", "response"])
    table.to_parquet(path)
    return path


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "judge.txt"
    path.write_text("w7 {prompt} w8 {first} w9 {second}")
    return path


def judge(lens, tmp_path, llama_folder, template, responses, *more):
    lens(
        "judge-responses", "--responses", candidates(tmp_path / "r.parquet", responses),
        "--model", llama_folder, "--template", template, "--max-new-tokens", 4, *more,
        "--out", tmp_path / "v.parquet", "--metrics", tmp_path / "metrics.json",
    )  # fmt: skip
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
        "label-pairs", "--pairs", tmp_path / "pairs.parquet", "--n-pairs", 3, "--seeds", 0,
        "--scale", 2, "--verdicts", tmp_path / "v.parquet",
        "--out", tmp_path / "s.parquet", "--metrics", tmp_path / "m.json",
    )  # fmt: skip
    assert "scale 2 needs 3 synthetic pairs" in message
    assert "without a verdict" in message
    assert not (tmp_path / "s.parquet").exists()


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
                "judge-sft", "--answers", *files, "--model", "judge", "--base-url", base_url,
                "--template", template, "--cache", tmp_path / "answers.jsonl",
                "--input-price", 2, "--output-price", 8, "--max-new-tokens", 100,
                "--out", tmp_path / "v.parquet", "--metrics", tmp_path / "metrics.json",
            )  # fmt: skip
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
        "judge-sft", "--answers", *files, "--model", "judge", "--base-url", "http://localhost:1/v1",
        "--out", tmp_path / "v.parquet", "--metrics", tmp_path / "metrics.json",
    )  # fmt: skip
    assert "needs --cache" in message


def test_a_prompt_longer_than_the_context_is_named_or_cut(lens, fail, tmp_path, llama_folder):
    long = json.dumps([{"role": "user", "content": "w1 " * 80}])
    table = pd.DataFrame({"prompt_id": ["a", "b"], "prompt": [PROMPT, long], "group": ["x", "y"]})
    table.to_parquet(tmp_path / "p.parquet")
    command = [
        "sample-responses", "--prompts", tmp_path / "p.parquet", "--model", llama_folder,
        "--candidates", 2, "--max-new-tokens", 4, "--out", tmp_path / "r.parquet",
        "--metrics", tmp_path / "metrics.json",
    ]  # fmt: skip
    message = fail(*command)
    assert re.search(r"prompt_id b: \d+ tokens, but the model reads 60 \(1 rows", message)
    lens(*command, "--too-long", "cut_left")
    facts = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert facts["prompts_shortened"] == 1


def test_greedy_answers_are_the_most_likely_tokens(llama_folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lens.generation import generate

    model = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    ids = [1, 4, 10, 2, 5]
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([ids])).logits[0, -1].argmax().item()
    (answers,) = generate(
        model, tokenizer, [ids], ["a"],
        candidates=2, seed=0, temperature=0.0, top_p=1.0, max_new_tokens=1, batch_size=4,
    )  # fmt: skip
    assert answers == [tokenizer.decode([expected], skip_special_tokens=True).strip()] * 2
