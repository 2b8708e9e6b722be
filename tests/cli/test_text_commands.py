"""Commands of text space as a user types them, on small models; the workflow runs the others."""

import json
import math
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from lens.core import diagnostics
from tests.helpers.word_pairs import PROMPT, candidates


@pytest.fixture
def pairs(tmp_path):
    """A pair table: 8 training pairs, and test pairs that prefer the longer answer."""
    rows = [(f"p{i}", PROMPT, f"w{i}", f"w{i + 10}", f"g{i}", "train") for i in range(8)] + [
        (f"t{i}", PROMPT, "w1 w2 w3", f"w{i}", f"h{i}", "test") for i in range(4)
    ]
    columns = ["id", "prompt", "chosen", "rejected", "group", "split"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "pairs.parquet")
    return tmp_path / "pairs.parquet"


def needs_trl():
    pytest.importorskip("trl", reason="extra `text` is not installed")
    pytest.importorskip("peft", reason="extra `text` is not installed")


def test_the_annotator_learns_from_training_pairs_alone(lens, tmp_path, llama_folder, pairs):
    needs_trl()
    lens(
        *f"train-annotator --pairs {pairs} --model {llama_folder} --epochs 2 "
        f"--learning-rate 0.001 --batch-size 4 --out {tmp_path}/annotator --metrics "
        f"{tmp_path}/metrics.json".split()
    )
    facts = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert facts["pairs"] == facts["pairs_per_epoch"] == 8
    assert facts["steps"] == 4
    assert bool(facts["flags"]) == (facts["last_loss"] >= math.log(2))
    tokens = json.loads((tmp_path / "cost.json").read_text())["tokens"]
    assert tokens == 2 * 8 * 2 * 8  # epochs, pairs, sides, tokens of a text


def test_self_evolved_pairs_and_lora_by_command(lens, tmp_path, llama_folder, pairs, monkeypatch):
    needs_trl()
    monkeypatch.setattr(diagnostics, "COIN", -1.0)  # no loss is below it
    responses = candidates(tmp_path / "r.parquet", ["w3", "w4 w5", "w6", "w7 w8", "w9"], prompts=1)
    options = (
        f"--pairs {pairs} --n-pairs 3 --seeds 0 1 --model {llama_folder} --learning-rate "
        "0.01 --batch-size 2"
    ).split()
    lens(
        "evolve-pairs",
        *options,
        *(
            f"--scales 2 --responses {responses} --rounds 2 --confidence 0.5001 --out "
            f"{tmp_path}/s.parquet --metrics {tmp_path}/e.json"
        ).split(),
    )
    made = pd.read_parquet(tmp_path / "s.parquet")
    assert made.groupby(["seed", "scale"]).size().to_dict() == {(0, 2): 3, (1, 2): 3}
    rounds = json.loads((tmp_path / "e.json").read_text())["metrics"]["by_scale"]["2"]["0"][
        "rounds"
    ]
    assert [one["trained_on"] for one in rounds] == [3, 4]
    lens(
        "train-text",
        *options,
        *(
            f"--scales 1 2 --synthetic {tmp_path}/s.parquet --lora --lora-rank 2 --out-dir "
            f"{tmp_path}/models --metrics {tmp_path}/t.json"
        ).split(),
    )
    for scale in (1, 2):
        for seed in (0, 1):
            folder = tmp_path / f"models/x{scale}/seed_{seed}"
            assert (folder / "adapter_model.safetensors").is_file()
    facts = json.loads((tmp_path / "t.json").read_text())["metrics"]
    assert [(f["flag"], f["scale"], f["seed"]) for f in facts["flags"]] == [
        ("training_loss_of_a_coin", scale, seed) for scale in (1, 2) for seed in (0, 1)
    ]
    facts = facts["by_scale"]
    assert facts["2"]["0"]["pairs_per_epoch"] == 6
    assert facts["2"]["0"]["trained_parameters"] < facts["2"]["0"]["parameters"] / 10
    seconds = json.loads((tmp_path / "cost.json").read_text())["seconds"]
    assert set(seconds) == {f"x{scale}/seed_{seed}" for scale in (1, 2) for seed in (0, 1)}
    lens(
        "train-text",
        *options,
        *f"--scales 2 --out-dir {tmp_path}/repeat --metrics {tmp_path}/t.json".split(),
    )
    facts = json.loads((tmp_path / "t.json").read_text())["metrics"]["by_scale"]["2"]["0"]
    assert (facts["pairs_per_epoch"], facts["steps"]) == (3, 4)  # two passes over three pairs


def test_a_text_reward_model_is_judged_the_right_way_round(
    lens, tmp_path, llama_folder, pairs, monkeypatch
):
    """With the length of a text for a reward, every test pair is in order and long picks win."""
    from transformers import LlamaConfig

    import lens.language.finetuning
    import lens.language.gold

    model = type(
        "Model",
        (),
        {
            "config": LlamaConfig(max_position_embeddings=64),
            "num_parameters": lambda self: 1,
            "named_modules": lambda self: [],
        },
    )()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    monkeypatch.setattr(
        lens.language.finetuning, "load_reward", lambda *_, **__: (tokenizer, model)
    )
    monkeypatch.setattr(
        lens.language.gold, "score", lambda _, ids, **__: np.array(list(map(len, ids)), np.float32)
    )
    pool = candidates(tmp_path / "c.parquet", ["w1", "w1 w2 w3 w4"])
    scored = pd.read_parquet(pool)[["prompt_id", "candidate"]].assign(gold=[0.0, 5.0] * 3)
    scored.to_parquet(tmp_path / "g.parquet")
    (tmp_path / "x2").mkdir()
    (tmp_path / "x2/seed_0").symlink_to(llama_folder)
    from lens.cli import main

    main(
        [
            str(word)
            for word in (
                f"best-of-n-text --models {tmp_path} --seeds 0 --scales 2 --pairs {pairs} "
                f"--candidates {pool} --gold {tmp_path}/g.parquet --dataset d --model m "
                f"--method f --n-pairs 8 --out-prompts {tmp_path}/p.parquet --out-pairs "
                f"{tmp_path}/q.parquet --metrics {tmp_path}/metrics.json"
            ).split()
        ]
    )
    tests = pd.read_parquet(tmp_path / "q.parquet")
    assert tests["correct"].tolist() == [1.0] * 4
    assert tests["id"].tolist() == ["t0", "t1", "t2", "t3"]
    best = pd.read_parquet(tmp_path / "p.parquet").query("n == 2")
    assert (best["gold_reward"] == 5).all()
    assert set(best["scale"]) == {2}
    flags = json.loads((tmp_path / "metrics.json").read_text())["metrics"]["by_scale"]["2"]["flags"]
    assert [flag["flag"] for flag in flags] == ["not_above_chance"]  # 4 of 4 are as likely as 1/16


@pytest.mark.parametrize("sums", ["--bf16", ""])
@pytest.mark.parametrize("precision", ["fast", "high"])
def test_fine_tuning_trains_every_weight_in_float32_whatever_the_precision(
    lens, tmp_path, llama_folder, pairs, precision, sums
):
    """`fast` is for reading: bfloat16 weights lose small steps, and fast layers do not learn."""
    needs_trl()
    from safetensors.torch import load_file

    rows = [(0, f"p{i}", PROMPT, f"g{i}", f"w{i}", 0.0) for i in range(4)]
    columns = ["seed", "prompt_id", "prompt", "group", "response", "reward"]
    picks = pd.DataFrame(rows, columns=columns).assign(finished=True)
    picks.to_parquet(tmp_path / "picks.parquet")
    how = f"--seeds 0 --model {llama_folder} --learning-rate 0.00001 --batch-size 4 {sums}"
    for command in (
        f"train-text --pairs {pairs} --n-pairs 8 --scales 1",
        f"train-sft --picks {tmp_path}/picks.parquet --max-length 32",
    ):
        lens(
            *f"{command} {how} --precision {precision} --device cpu --out-dir {tmp_path}/models "
            f"--metrics {tmp_path}/m.json".split()
        )
        cost = json.loads((tmp_path / "cost.json").read_text())
        assert cost["trained_parameters"] == cost["parameters"]
        [file] = (tmp_path / "models").rglob("model.safetensors")
        base, after = load_file(llama_folder / "model.safetensors"), load_file(file)
        assert {str(value.dtype) for value in after.values()} == {"torch.float32"}
        known = base.keys() & after.keys()
        assert len(known) > len(base) - 2
        moved = [(after[name] - base[name]).abs() for name in known]
        assert min(float(value.max()) for value in moved) > 1e-6  # two steps
        assert max(float(value.max()) for value in moved) < 2e-5  # rounding would be more
        shutil.rmtree(tmp_path / "models")


def test_sft_models_follow_their_seed_in_training_and_in_sampling(lens, tmp_path, llama_folder):
    needs_trl()
    picks = pd.DataFrame(
        [(s, f"p{i}", PROMPT, f"g{i}", f"w{i + 5 * s}", 0.0) for s in (0, 1) for i in range(4)],
        columns=["seed", "prompt_id", "prompt", "group", "response", "reward"],
    )
    picks.loc[4:, "response"] = picks.loc[:3, "response"].to_numpy()  # the same picks at both seeds
    picks["finished"] = True
    picks.to_parquet(tmp_path / "picks.parquet")
    lens(
        *f"train-sft --picks {tmp_path}/picks.parquet --seeds 0 1 --model {llama_folder} "
        "--epochs 3 --learning-rate 0.01 --batch-size 2 --max-length 32 --out-dir "
        f"{tmp_path}/models --metrics {tmp_path}/metrics.json".split()
    )
    first, second = (
        (tmp_path / f"models/seed_{seed}/model.safetensors").read_bytes() for seed in (0, 1)
    )
    assert first != second  # in another order
    shutil.copytree(tmp_path / "models/seed_0", tmp_path / "same/seed_0")
    shutil.copytree(tmp_path / "models/seed_0", tmp_path / "same/seed_1")
    prompts = picks.drop_duplicates("prompt_id")[["prompt_id", "prompt", "group"]]
    prompts.to_parquet(tmp_path / "prompts.parquet")
    lens(
        *f"sample-sft --models {tmp_path}/same --seeds 0 1 --model {llama_folder} --prompts "
        f"{tmp_path}/prompts.parquet --max-new-tokens 12 --temperature 2.0 --out "
        f"{tmp_path}/a.parquet --metrics {tmp_path}/sampled.json".split()
    )
    sampled = pd.read_parquet(tmp_path / "a.parquet")
    assert sampled["finished"].dtype == bool
    facts = json.loads((tmp_path / "sampled.json").read_text())["metrics"]
    assert facts["answers_cut"] == (~sampled["finished"]).sum()
    answers = sampled.pivot(index="prompt_id", columns="candidate", values="response")
    assert (answers[0] != answers[1]).any()  # one model, two seeds


def test_a_prompt_longer_than_the_context_is_named_or_cut(lens, fail, tmp_path, llama_folder):
    long = json.dumps([{"role": "user", "content": "w1 " * 80}])
    table = pd.DataFrame({"prompt_id": ["a", "b"], "prompt": [PROMPT, long], "group": ["x", "y"]})
    table.to_parquet(tmp_path / "p.parquet")
    command = (
        f"sample-responses --prompts {tmp_path}/p.parquet --model {llama_folder} "
        f"--candidates 2 --max-new-tokens 4 --out {tmp_path}/r.parquet --metrics "
        f"{tmp_path}/metrics.json"
    ).split()
    message = fail(*command)
    assert re.search(r"prompt_id b: \d+ tokens, but the model reads 60 \(1 rows", message)
    lens(*command, "--too-long", "cut_left")
    facts = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert facts["prompts_shortened"] == 1


def test_greedy_answers_are_the_most_likely_tokens(llama_folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lens.language.generation import generate

    model = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    ids = [1, 4, 10, 2, 5]
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([ids])).logits[0, -1].argmax().item()
    (answers,) = generate(
        model,
        tokenizer,
        [ids],
        ["a"],
        candidates=2,
        seed=0,
        temperature=0.0,
        top_p=1.0,
        max_new_tokens=1,
        batch_size=4,
    )
    text = tokenizer.decode([expected], skip_special_tokens=True).strip()
    assert answers == [(text, False)] * 2


def test_no_end_is_counted_after_an_answer_that_was_cut(lens, tmp_path, llama_folder):
    """Scores of the same answers, finished and cut, by hand from their tokens."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lens.language.likelihood import mean_log_likelihood
    from lens.language.templates import render

    path = candidates(tmp_path / "r.parquet", ["w3", "w4 w5"], prompts=1)
    table = pd.concat([pd.read_parquet(path)] * 2, ignore_index=True)
    table["finished"] = [True, True, False, False]
    table.to_parquet(path)
    lens(
        *f"score-likelihood --responses {path} --model {llama_folder} --out {tmp_path}/s.parquet "
        f"--metrics {tmp_path}/m.json".split()
    )
    model = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    start = tokenizer(render(PROMPT, None, "chat", tokenizer), add_special_tokens=False)
    words = tokenizer(["w3", "w4 w5"], add_special_tokens=False)["input_ids"]
    texts = [
        start["input_ids"] + ids + end for end in ([tokenizer.eos_token_id], []) for ids in words
    ]
    places = [len(start["input_ids"])] * 4
    expected = mean_log_likelihood(model, texts, places, batch_tokens=64)
    scores = pd.read_parquet(tmp_path / "s.parquet")["score"]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert len(set(scores.round(4))) == 4
