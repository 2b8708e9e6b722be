"""What the plan knows of language models: parameters, seconds and memory."""

import json
import re

import pytest

from lens.core.errors import LensError
from lens.language.settings import LoadSettings
from lens.plan.architectures import FACTS, find, from_config
from lens.plan.graph import Job
from lens.plan.rules import CPU, MODEL, WORLD_WORDS, Device, Work, has_units
from tests.helpers import gguf_models
from tests.helpers.configs import resolved
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
GPU = Device(rate=40e12, rate_32=4e12, narrow=0, load_rate=1e9, writing=4.0, error=3)


def fact(model):
    return from_config(json.loads(FACTS.read_text())[model])


LLAMA, SMALL = fact("meta-llama/Llama-3.1-8B-Instruct"), fact("Qwen/Qwen3-0.6B")


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_parameter_counts(model):
    assert fact(model).parameters(words=True) / 1e9 == pytest.approx(PUBLISHED[model], rel=4e-3)


def test_reward_models_have_no_output_for_words():
    assert LLAMA.parameters(words=False) == LLAMA.parameters(words=True) - 128256 * 4096


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
    count = shape.parameters(words=True)
    assert count == pytest.approx(model.num_parameters(), rel=0.02)  # biases, norms
    saved = {"model_type": "lens-reward", "encoder": {"model": str(llama_folder)}}
    (tmp_path / "config.json").write_text(json.dumps(saved))
    (tmp_path / "reward.safetensors").touch()
    assert find(str(tmp_path)) == find(str(llama_folder))


def test_parameters_of_the_worlds_model():
    base = {"hidden": 64, "layers": 2, "heads": 2}
    config = resolved({"world": {"base_model": base}})
    shape = Work(config, Job(0, "figure_2", {})).shape(LoadSettings(model="results/x"))
    given = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    assert shape == from_config({**given, "intermediate_size": 128, "vocab_size": WORLD_WORDS})
    assert shape.parameters(words=True) == pytest.approx(
        91_712, rel=5e-3
    )  # as docs/world.md has it


def test_facts_of_every_hub_model_of_the_configs():
    named = set()
    for file in (ROOT / "workflow/configs").glob("*.yaml"):
        named |= set(re.findall(r"model: (\w[\w.-]*/[\w.-]+)$", file.read_text(), re.MULTILINE))
    assert named
    assert named <= set(json.loads(FACTS.read_text()))


def test_flops_by_hand():
    given = {"model_type": "llama", "hidden_size": 4, "intermediate_size": 8, "vocab_size": 10}
    shape = from_config({**given, "num_hidden_layers": 2, "num_attention_heads": 2})
    assert shape.blocks == 2 * (4 * 4 * 4 + 3 * 4 * 8)
    assert shape.flops(5) == 2 * shape.blocks * 5
    assert shape.flops(5, words=True) == shape.flops(5) + 2 * 10 * 4 * 5


def work(use, model="Qwen/Qwen3-0.6B", device=GPU, tokens=200_000, precision="fast", **more):
    """A job that does this alone."""
    job = Work(resolved(), Job(0, "figure_2", {}))
    job.device, job.seconds = device, 0.0
    job.runs(use, LoadSettings(model=model, precision=precision), 1000, tokens, **more)
    return job


@pytest.mark.parametrize("use", ["reading", "training", "generation"])
def test_seconds_by_hand(use):
    passes, words = {"reading": 1, "training": 3, "generation": 4}[use], use == "generation"
    products = passes * SMALL.flops(200_000, words=words) / 40e12
    size, how = (4, {"bf16": True}) if use == "training" else (2, {})
    expected = SMALL.parameters(words=words) * size / 1e9 + products
    assert work(use, **how).seconds == pytest.approx(MODEL + expected)
    assert work(use, times=3, **how).seconds == pytest.approx(MODEL + 3 * expected)
    more = work(use, prompts=100_000, **how).seconds
    assert more == pytest.approx(MODEL + expected + SMALL.flops(100_000) / 40e12)


def test_time_grows_with_what_is_done():
    one = work("training").seconds
    assert work("training", tokens=400_000).seconds > one
    assert work("training", gpus=4).seconds < one
    assert work("training", bf16=True).seconds < one
    assert work("reading", precision="high").seconds > work("reading").seconds
    narrow, wide = (CPU.products(1e9, "float32", width) for width in (CPU.narrow, 1e9))
    assert narrow == pytest.approx(2 * wide)


@pytest.mark.parametrize(
    ("flags", "units"),
    [
        ("fpu avx2 avx512f amx_tile amx_bf16 amx_int8", True),
        ("fpu avx512_bf16 avx512_vnni", False),  # torch multiplies float32 there, as without
        ("", False),
    ],
)
def test_units_are_known_by_the_cpu_s_flags(flags, units):
    assert has_units(f"processor\t: 0\nflags\t\t: {flags}\n") is units


def test_fast_weights_take_float32_s_memory_on_a_cpu():
    on = {device: work("reading", device=device).models[0]["weights"] for device in (GPU, CPU)}
    assert on[CPU] == 2 * on[GPU]


def test_memory_of_models():
    def held(use="training", **more):
        name = "meta-llama/Llama-3.1-8B-Instruct"
        (model,) = work(use, name, precision="high", **more).models
        assert model["weights"] == 4 * count
        return model["bytes"] - 0.6e9

    count = LLAMA.parameters(words=False)
    assert held("reading") == 4 * count
    assert held() == 16 * count
    assert held(bf16=True) == 18 * count
    assert held(bf16=True, gpus=4) == 2 * count + 14 * count / 4
    assert held(lora=True) == 4 * count
    for more in ({"lora": False, "bf16": True}, {"lora": True, "bf16": False}):
        (fast, high) = (work("training", precision=p, **more).models for p in ("fast", "high"))
        assert fast == high  # what is trained is float32
    (lora,) = work("training", device=CPU, lora=True, bf16=True).models
    assert lora["weights"] == 2 * lora["parameters"]
    assert work("reading", times=0).models == []
