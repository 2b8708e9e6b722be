"""What the plan knows of language models: parameters, seconds and memory."""

import json
import re
from dataclasses import replace

import pytest

from lens.core.errors import LensError
from lens.plan.architectures import FACTS, find, from_config, of_the_world
from lens.plan.machines import DEVICES, TEXT_SECONDS, Device
from lens.plan.tasks import Task
from tests.helpers.workflow_tools import ROOT

PUBLISHED = {  # 10^9 parameters
    "google/gemma-2-2b-it": 2.614,
    "meta-llama/Llama-3.2-3B-Instruct": 3.213,
    "mistralai/Mistral-7B-Instruct-v0.3": 7.248,
    "Qwen/Qwen2.5-7B-Instruct": 7.616,
    "meta-llama/Llama-3.1-8B-Instruct": 8.030,
    "Qwen/Qwen2.5-14B-Instruct": 14.770,
    "HuggingFaceTB/SmolLM2-135M": 0.135,
    "Qwen/Qwen3-0.6B": 0.596,
}
GPU = Device(peak=100e12, peak_32=10e12, bandwidth=1e12, use=0.4)


def fact(model):
    return from_config(json.loads(FACTS.read_text())[model])


LLAMA, SMALL = fact("meta-llama/Llama-3.1-8B-Instruct"), fact("Qwen/Qwen3-0.6B")


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_parameter_counts(model):
    assert round(fact(model).parameters() / 1e9, 3) == PUBLISHED[model]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {"tie_word_embeddings": False}),
        ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
        ("mistral", {"head_dim": 12}),
        ("qwen2", {}),
        ("qwen3", {"head_dim": 12}),
        ("gemma2", {"head_dim": 12}),
        ("gemma3_text", {"head_dim": 12}),
        ("bert", {}),
    ],
)
def test_parameters_are_those_that_transformers_counts(kind, more):
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    given = {"vocab_size": 46, "hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 3}
    given |= {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64}
    config = AutoConfig.for_model(kind, **{**given, "pad_token_id": 0, **more})
    shape = from_config(config.to_dict())
    if kind == "bert":
        model = AutoModel.from_config(config, add_pooling_layer=False)
        assert shape.parameters("none") == model.num_parameters()
    else:
        assert shape.parameters() == AutoModelForCausalLM.from_config(config).num_parameters()


def test_reward_models_have_one_row_instead_of_words():
    assert LLAMA.parameters("reward") == LLAMA.parameters() - 128256 * 4096 + 4096


def test_shapes_are_found_in_folders_and_among_the_facts(llama_folder):
    assert find(str(llama_folder)).hidden == 16
    assert find("Qwen/Qwen3-0.6B").hidden == 1024
    with pytest.raises(LensError, match=r"nobody/nothing.*hf download"):
        find("nobody/nothing")
    with pytest.raises(LensError, match="model_type 'mamba'"):
        from_config({"model_type": "mamba"})


def test_world_texts_have_the_words_that_the_plan_counts():
    shape = of_the_world(hidden=64, layers=2, heads=2)
    assert shape.parameters() == 91_712  # as docs/world.md has it
    assert shape.parameters("reward") == 87_040


def test_facts_of_every_hub_model_of_the_configs():
    named = set()
    for file in (ROOT / "workflow/configs").glob("*.yaml"):
        named |= set(re.findall(r"model: (\w[\w.-]*/[\w.-]+)$", file.read_text(), re.MULTILINE))
    assert named
    assert named <= set(json.loads(FACTS.read_text()))


def test_keys_values_and_flops_by_hand():
    assert LLAMA.kv_bytes(1, "bfloat16") == 2 * 32 * 8 * 128 * 2  # 131,072 bytes a token
    assert LLAMA.kv_bytes(1000, "float32") == 2 * 32 * 8 * 128 * 4 * 1000
    given = {"model_type": "llama", "hidden_size": 4, "intermediate_size": 8, "vocab_size": 10}
    shape = from_config({**given, "num_hidden_layers": 2, "num_attention_heads": 2})
    block = 4 * 4 * 4 + 3 * 4 * 8 + 2 * 4
    assert shape.block == block
    assert shape.flops(5, 3) == 2 * 2 * block * 5 + 4 * 2 * 2 * 2 * 5 * 3
    assert shape.flops(5, 3, "words") == shape.flops(5, 3) + 2 * 10 * 4 * 5


def task(use, shape=SMALL, dtype="bfloat16", **more):
    given = {
        "reading": {"texts": 1000, "tokens": 200_000, "batch": 10_000},
        "generation": {
            **{"texts": 6400, "tokens": 6400 * 300, "batch": 64, "longest": 1000},
            **{"limit": 200, "steps": 20_000, "head": "words"},
        },
        "training": {
            **{"texts": 1000, "tokens": 50_000, "batch": 2, "longest": 100, "steps": 10},
            **{"head": "reward"},
        },
    }
    return Task(**{"use": use, "model": "m", "shape": shape, "dtype": dtype, **given[use], **more})


def test_seconds_of_reading_by_hand():
    products = SMALL.flops(200_000, 100) / (100e12 * 0.4)
    weights, started = SMALL.parameters("none") * 2 / 1e9, (20 + 16) * 28 * 0.5e-3
    expected = products + weights + started + 1000 * TEXT_SECONDS
    assert task("reading").seconds(GPU) == pytest.approx(expected)
    assert task("reading", times=3).seconds(GPU) == pytest.approx(3 * expected)


def test_seconds_of_generation_by_hand():
    weights = 2 * SMALL.parameters()
    step = (weights + SMALL.kv_bytes(64 * 300, "bfloat16")) / 1e12 + 28 * 0.5e-3 + 3e-3
    products = SMALL.flops(6400 * 300, 150, "words") / (100e12 * 0.4)
    expected = weights / 1e9 + products + 20_000 * step + 6400 * TEXT_SECONDS
    assert task("generation").seconds(GPU) == pytest.approx(expected)


def test_seconds_of_training_by_hand():
    # 1000 texts in 10 steps on 2 GPUs, 4 at once: 125 turns, each four passes
    found = task("training", gpus=2, dtype="float32", bf16=True, checkpointing=True)
    products = 4 * SMALL.flops(50_000, 25) / 2 / (100e12 * 0.4)
    weights, started = 4 * SMALL.parameters("reward") / 1e9, 125 * 4 * 28 * 0.5e-3
    expected = products + weights + started + 10 * 3e-3 + 1000 * TEXT_SECONDS
    assert found.seconds(GPU) == pytest.approx(expected)


def test_time_grows_with_what_is_done():
    gpu = DEVICES["a100-40"]
    one = task("training")
    assert replace(one, texts=2000, tokens=100_000).seconds(gpu) > one.seconds(gpu)
    assert replace(one, gpus=4).seconds(gpu) < one.seconds(gpu)
    assert replace(one, checkpointing=True).seconds(gpu) > one.seconds(gpu)
    assert replace(one, adapters=1000).seconds(gpu) < one.seconds(gpu)
    read = task("reading")
    assert read.seconds(DEVICES["h100"]) < read.seconds(gpu) < read.seconds(DEVICES["cpu"])
    narrow, wide = (DEVICES["cpu"].rate("float32", width) for width in (64, 1e9))
    assert narrow == pytest.approx(wide / 2)


def test_memory_of_reading():
    shared, alone = task("reading", shared=True).memory(), task("reading").memory()
    assert shared["weights"] == 2 * SMALL.parameters("none")
    assert shared["cache"] == 2 * SMALL.kv_bytes(10_000, "bfloat16")
    assert alone["cache"] == 0
    assert sum(shared.values()) == 2 * shared["total"]


def test_memory_of_generation_is_for_the_longest_prompts_and_answers():
    assert task("generation", LLAMA).memory()["cache"] == 131072 * 64 * 1200
    assert task("generation", LLAMA, texts=10).memory()["cache"] == 131072 * 10 * 1200
    assert task("generation", longest=2).memory()["activations"] == 40 * 64 * 151936


def test_memory_of_training():
    def parts(**more):
        found = task("training", LLAMA, "float32", **more).memory()
        return found["weights"], found["optimiser"]

    count = LLAMA.parameters("reward")
    adapters = 32 * 16 * (4096 + 4096 + 4096 + 1024) + 4096
    assert LLAMA.adapters(16, everywhere=False) == adapters
    assert parts() == (4 * count, 12 * count)
    assert parts(bf16=True) == (6 * count, 12 * count)
    assert parts(bf16=True, gpus=4) == (2 * count, 14 * count / 4)
    assert parts(adapters=adapters) == (4 * count, 12 * adapters)


def test_gradient_checkpointing_keeps_one_number_per_layer_and_token():
    def kept(**more):
        return task("training", LLAMA, "float32", **more).memory()["activations"]

    block = LLAMA.activation_bytes(400, "float32")
    assert kept(checkpointing=True) == 32 * 4096 * 4 * 400 + 2 * block
    assert kept() == 34 * block
    assert kept(head="words", batch=4) == 34 * block + 10 * 128256 * 400


def test_what_would_fit():
    large = fact("Qwen/Qwen2.5-14B-Instruct")
    more = {"tokens": 1e6, "shared": True}
    assert task("reading", large, "float32", batch=8192, **more).remedy(40e9) == "precision fast"
    assert task("reading", large, batch=65536, **more).remedy(40e9) == "batch_tokens 16384"
    assert task("reading", large, batch=8192, **more).remedy(40e9) == ""
    training = task("training", LLAMA, "float32", checkpointing=True)
    assert training.remedy(40e9) == "8 GPUs with ZeRO-2"
    assert training.remedy(80e9) == "2 GPUs with ZeRO-2"
    assert training.remedy(10e9).startswith("no setting")
