"""What the plan knows of language models: parameters, seconds and memory."""

import json
import re
from dataclasses import replace

import pytest

from lens.core.errors import LensError
from lens.plan.architectures import FACTS, WORLD_WORDS, find, from_config
from lens.plan.tasks import CPU, PASSES, Device, Task
from tests.helpers import gguf_models
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
GPU = Device(rate=40e12, rate_32=4e12, narrow=0, load_rate=1e9, writing=4.0)


def fact(model):
    return from_config(json.loads(FACTS.read_text())[model])


LLAMA, SMALL = fact("meta-llama/Llama-3.1-8B-Instruct"), fact("Qwen/Qwen3-0.6B")


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_parameter_counts(model):
    assert fact(model).parameters() / 1e9 == pytest.approx(PUBLISHED[model], rel=4e-3)


def test_reward_models_have_one_row_instead_of_words():
    assert LLAMA.parameters("reward") == LLAMA.parameters() - 128256 * 4096 + 4096


def test_shapes_are_found_in_folders_and_among_the_facts(llama_folder):
    assert find(str(llama_folder)).hidden == 16
    assert find("Qwen/Qwen3-0.6B").hidden == 1024
    with pytest.raises(LensError, match=r"nobody/nothing.*hf download"):
        find("nobody/nothing")
    with pytest.raises(LensError, match="'mamba': no 'num_attention_heads'"):
        from_config({"model_type": "mamba", "hidden_size": 4})


def test_shapes_of_a_gguf_file_and_of_a_fitted_folder_s_encoder(tmp_path, llama_folder):
    from transformers import Qwen2ForCausalLM

    model = gguf_models.qwen(Qwen2ForCausalLM)
    gguf_models.write(tmp_path / "small.gguf", model)
    shape = find(str(tmp_path / "small.gguf"))
    assert shape == from_config(model.config.to_dict())
    assert shape.parameters() == pytest.approx(model.num_parameters(), rel=0.02)  # biases, norms
    saved = {"model_type": "lens-reward", "encoder": {"model": str(llama_folder)}}
    (tmp_path / "config.json").write_text(json.dumps(saved))
    (tmp_path / "reward.safetensors").touch()
    assert find(str(tmp_path)) == find(str(llama_folder))


def test_parameters_of_the_worlds_model():
    given = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape = from_config({**given, "intermediate_size": 128, "vocab_size": WORLD_WORDS})
    assert shape.parameters() == pytest.approx(91_712, rel=5e-3)  # as docs/world.md has it


def test_facts_of_every_hub_model_of_the_configs():
    named = set()
    for file in (ROOT / "workflow/configs").glob("*.yaml"):
        named |= set(re.findall(r"model: (\w[\w.-]*/[\w.-]+)$", file.read_text(), re.MULTILINE))
    assert named
    assert named <= set(json.loads(FACTS.read_text()))


def test_flops_and_adapters_by_hand():
    given = {"model_type": "llama", "hidden_size": 4, "intermediate_size": 8, "vocab_size": 10}
    shape = from_config({**given, "num_hidden_layers": 2, "num_attention_heads": 2})
    assert shape.blocks == 2 * (4 * 4 * 4 + 3 * 4 * 8)
    assert shape.flops(5) == 2 * shape.blocks * 5
    assert shape.flops(5, "words") == shape.flops(5) + 2 * 10 * 4 * 5
    assert shape.adapters(3, everywhere=False) == 2 * 2 * 2 * 3 * 4


def task(use, shape=SMALL, dtype="bfloat16", **more):
    given = {"texts": 1000, "tokens": 200_000, **more}
    return Task(use=use, model="m", shape=shape, dtype=dtype, **given)


@pytest.mark.parametrize("use", [*PASSES, "generation"])
def test_seconds_by_hand(use):
    products = (PASSES | {"generation": 4}).get(use) * SMALL.flops(200_000) / 40e12
    expected = SMALL.parameters("none") * 2 / 1e9 + products
    assert task(use).seconds(GPU) == pytest.approx(expected)
    assert task(use, times=3).seconds(GPU) == pytest.approx(3 * expected)
    more = task(use, prompts=100_000).seconds(GPU)
    assert more == pytest.approx(expected + SMALL.flops(100_000) / 40e12)


def test_time_grows_with_what_is_done():
    one = task("training", head="reward")
    assert replace(one, tokens=400_000).seconds(GPU) > one.seconds(GPU)
    assert replace(one, gpus=4).seconds(GPU) < one.seconds(GPU)
    assert replace(one, dtype="float32").seconds(GPU) > one.seconds(GPU)
    narrow, wide = (CPU.products(1e9, "float32", width) for width in (CPU.narrow, 1e9))
    assert narrow == pytest.approx(2 * wide)


def test_memory_of_models():
    def parts(use="training", **more):
        found = task(use, LLAMA, "float32", head="reward", **more).memory()
        assert found["total"] == found["weights"] + found["optimiser"] + 0.6e9
        return found["weights"], found["optimiser"]

    count = LLAMA.parameters("reward")
    assert parts("reading") == (4 * count, 0)
    assert parts() == (4 * count, 12 * count)
    assert parts(bf16=True) == (6 * count, 12 * count)
    assert parts(bf16=True, gpus=4) == (2 * count, 14 * count / 4)
    assert parts(adapters=1000) == (4 * count, 12 * 1000)
