"""Models of strangers: pickled weights are never loaded, their code runs only if it is asked for.
Every plant leaves a mark when it runs; the first tests show that it would."""

import json
import pickle
import shutil

import pandas as pd
import pytest
import torch

from lens.files.artifacts import write_table
from tests.helpers.planted import Mark, with_own_code, without_safetensors
from tests.helpers.word_pairs import some_rows

PROMPT = json.dumps([{"role": "user", "content": "w1"}])
EVERYTHING = (
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForSequenceClassification",
)


@pytest.fixture
def mark(tmp_path):
    return Mark(tmp_path / "it ran")


@pytest.fixture
def commands(tmp_path):
    """Everything that reads a model, as {name: its arguments but the model}."""
    ids = {"prompt_id": ["a", "a"], "prompt": [PROMPT] * 2, "group": ["a"] * 2}
    write_table(
        tmp_path / "pairs.parquet",
        pd.DataFrame(
            {
                "id": ["a", "b"],
                "prompt": [PROMPT] * 2,
                "chosen": ["w2", "w3 w4"],
                "rejected": ["w5", "w6"],
                "group": ["a", "b"],
                "split": ["train", "test"],
            }
        ),
    )
    answers = pd.DataFrame({**ids, "candidate": [0, 1], "response": ["w2", "w3"]})
    write_table(tmp_path / "answers.parquet", answers)
    write_table(tmp_path / "prompts.parquet", pd.DataFrame(ids).head(1))
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some_rows(40)))
    pairs, answers, prompts, own = (
        tmp_path / name
        for name in ("pairs.parquet", "answers.parquet", "prompts.parquet", "own.jsonl")
    )
    stage = ["--metrics", tmp_path / "metrics.json", "--device", "cpu"]
    to = ["--out", tmp_path / "out.parquet", *stage]
    return {
        "advise": [own, "--out", tmp_path / "advice", "--device", "cpu", "--threads", "1"],
        "embed-pairs": ["--pairs", pairs, *to],
        "embed-candidates": ["--candidates", answers, *to],
        "generate-candidates": [
            "--prompts",
            prompts,
            "--candidates",
            "2",
            "--max-new-tokens",
            "2",
            *to,
        ],
        "score-candidates": ["--candidates", answers, *to],
        "score-likelihood": ["--responses", answers, *to],
        "judge-sft": ["--answers", answers, answers, *to],
        "train-annotator": ["--pairs", pairs, "--learning-rate", "1e-3", *to],
    }


READERS = (
    "advise",
    "embed-pairs",
    "embed-candidates",
    "generate-candidates",
    "score-candidates",
    "score-likelihood",
    "judge-sft",
    "train-annotator",
)


def test_the_planted_pickles_bite(mark, tmp_path):
    pickle.loads(mark.pickled())
    assert mark.made
    mark.path.rmdir()
    mark.saved_by_torch(tmp_path / "m.bin")
    torch.load(tmp_path / "m.bin", weights_only=False)
    assert mark.made


@pytest.mark.parametrize("command", READERS)
def test_pickled_weights_are_refused(command, commands, llama_folder, mark, fail, tmp_path):
    folder = without_safetensors(llama_folder, tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(mark.pickled())
    message = fail(command, *commands[command], "--model", folder)
    assert "model.safetensors" in message
    mark.saved_by_torch(folder / "pytorch_model.bin")
    assert fail(command, *commands[command], "--model", folder) == message
    assert not mark.made


def test_pickles_beside_safetensors_are_left_alone(commands, gold_folder, mark, lens, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(gold_folder, folder)
    names = (
        "pytorch_model.bin",
        "model.bin",
        "model.pt",
        "model.ckpt",
        "tokenizer.pkl",
        "vocab.pkl",
        "training_args.bin",
        "optimizer.pt",
        "model.joblib",
    )
    for name in names:
        (folder / name).write_bytes(mark.pickled())
    lens("score-candidates", *commands["score-candidates"], "--model", folder)
    assert not mark.made


@pytest.mark.parametrize("pickled", ["adapter", "base"])
def test_pickled_adapters_and_their_bases_are_refused(
    pickled, gold_folder, mark, fail, lens, commands, tmp_path
):
    pytest.importorskip("peft")
    lora = ["--lora", "--lora-rank", "2", "--model", gold_folder]
    adapter = tmp_path / "out.parquet"  # what train-annotator calls its folder here
    lens("train-annotator", *commands["train-annotator"], *lora)
    score = (
        "score-responses",
        "--responses",
        tmp_path / "answers.parquet",
        "--annotator",
        adapter,
        "--out",
        tmp_path / "scores.parquet",
        "--metrics",
        tmp_path / "s.json",
        "--device",
        "cpu",
    )
    lens(*score)
    if pickled == "adapter":
        (adapter / "adapter_model.safetensors").unlink()
        mark.saved_by_torch(adapter / "adapter_model.bin")
    else:
        base = without_safetensors(gold_folder, tmp_path / "base")
        mark.saved_by_torch(base / "pytorch_model.bin")
        about = json.loads((adapter / "adapter_config.json").read_text())
        about["base_model_name_or_path"] = str(base)
        (adapter / "adapter_config.json").write_text(json.dumps(about))
    (tmp_path / "scores.parquet").unlink()
    assert "model.safetensors" in fail(*score)
    assert not mark.made


def test_an_adapter_in_a_model_folder_is_no_way_in(commands, llama_folder, mark, fail, tmp_path):
    """Transformers takes a folder with an adapter for the adapter, and loads what it names."""
    folder, base = tmp_path / "model", without_safetensors(llama_folder, tmp_path / "base")
    shutil.copytree(llama_folder, folder)
    mark.saved_by_torch(base / "pytorch_model.bin")
    mark.saved_by_torch(folder / "adapter_model.bin")
    about = {
        "peft_type": "LORA",
        "base_model_name_or_path": str(base),
        "r": 2,
        "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM",
    }
    (folder / "adapter_config.json").write_text(json.dumps(about))
    message = fail("score-likelihood", *commands["score-likelihood"], "--model", folder)
    assert "adapter_model.safetensors" in message
    assert not mark.made


@pytest.mark.parametrize("parts", [EVERYTHING, ("AutoTokenizer",)])
@pytest.mark.parametrize("command", READERS)
def test_a_model_s_own_code_runs_only_if_asked_for(
    command, parts, commands, llama_folder, mark, fail, tmp_path
):
    folder = with_own_code(llama_folder, tmp_path / "model", mark, parts)
    message = fail(command, *commands[command], "--model", folder)
    assert "contains its own code" in message
    assert "`trust_remote_code: true`" in message
    assert "--trust-remote-code" in message
    assert not mark.made


def test_a_model_s_own_code_runs_if_asked_for(commands, llama_folder, mark, lens, tmp_path):
    folder = with_own_code(llama_folder, tmp_path / "model", mark, EVERYTHING)
    command = commands["generate-candidates"]
    lens("generate-candidates", *command, "--model", folder, "--trust-remote-code")
    assert mark.made


def test_a_reward_model_of_a_stranger_runs_no_code(llama_folder, mark, fail, lens, tmp_path):
    """Its config may say that code is to be run, and its encoder be any folder or Hub id."""
    from lens.cli import main

    own, saved = tmp_path / "own.jsonl", tmp_path / "reward"
    own.write_text("".join(json.dumps(row) + "\n" for row in some_rows(40)))
    main(
        [
            "fit",
            str(own),
            "--model",
            str(llama_folder),
            "--method",
            "mean_difference",
            "--out",
            str(saved),
            "--device",
            "cpu",
            "--threads",
            "1",
        ]
    )
    folder = with_own_code(llama_folder, tmp_path / "model", mark, EVERYTHING)
    score = ("score", saved, own, "--device", "cpu", "--out", tmp_path / "scores.jsonl")
    config = json.loads((saved / "config.json").read_text())
    config["encoder"]["model"] = str(folder)
    for says in (False, True):
        config["encoder"]["trust_remote_code"] = says
        (saved / "config.json").write_text(json.dumps(config))
        assert "--trust-remote-code" in fail(*score)
    (saved / "reward.safetensors").write_bytes(mark.pickled())
    config["encoder"] = None
    (saved / "config.json").write_text(json.dumps(config))
    assert "damaged" in fail(*score)
    assert not mark.made


def test_code_that_generation_would_fetch_stays_away(commands, llama_folder, mark, lens, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate/generate.py").write_text(mark.code())
    settings = json.loads((folder / "generation_config.json").read_text())
    settings["custom_generate"] = str(folder)
    (folder / "generation_config.json").write_text(json.dumps(settings))
    lens("generate-candidates", *commands["generate-candidates"], "--model", folder)
    assert not mark.made


def test_a_kernel_of_a_stranger_is_refused(commands, llama_folder, fail, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["_attn_implementation"] = config["attn_implementation"] = "stranger/kernel"
    (folder / "config.json").write_text(json.dumps(config))
    assert "kernel" in fail("score-likelihood", *commands["score-likelihood"], "--model", folder)


@pytest.mark.parametrize(
    "template",
    [
        "{{ cycler.__init__.__globals__.os.mkdir(%r) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ %r }}",
        "{%% for i in range(10**12) %%}{%% endfor %%}{{ %r }}",
    ],
)
def test_a_chat_template_can_neither_run_code_nor_go_on_for_ever(
    template, commands, llama_folder, mark, fail, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)
    (folder / "chat_template.jinja").write_text(template % str(mark.path))
    message = fail("embed-pairs", *commands["embed-pairs"], "--model", folder)
    assert "its chat template fails" in message
    assert not mark.made


def test_vllm_is_told_to_take_safetensors_alone(monkeypatch, llama_folder):
    import sys
    from types import SimpleNamespace

    from lens.language import vllm_engine

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=lambda **options: options))
    given = vllm_engine.load(
        str(llama_folder), revision=None, dtype="float32", max_length=8, trust_remote_code=False
    )
    assert given["load_format"] == "safetensors"
    assert given["trust_remote_code"] is False
