"""What vLLM is asked for; it does not run without a GPU, so that a stand-in takes its place."""

import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.language import vllm_engine


@pytest.fixture
def asked(monkeypatch):
    """A stand-in for vLLM that answers with the number of tokens and notes what it is asked."""
    notes = {}

    class LLM:
        def __init__(self, **options):
            notes["engine"] = options

        def generate(self, prompts, settings):
            notes["prompts"], notes["settings"] = prompts, settings
            return [
                SimpleNamespace(
                    outputs=[
                        SimpleNamespace(
                            text=f" {len(p['prompt_token_ids'])} {n} ",
                            finish_reason="length" if n else "stop",
                        )
                        for n in range(s["n"])
                    ]
                )
                for p, s in zip(prompts, settings, strict=True)
            ]

    module = SimpleNamespace(LLM=LLM, SamplingParams=lambda **options: options)
    monkeypatch.setitem(sys.modules, "vllm", module)
    return notes


def test_one_request_a_prompt_with_the_prefix_cache_on(asked):
    engine = vllm_engine.load(
        "m", revision="r", dtype="bfloat16", max_length=64, trust_remote_code=False
    )
    answers = vllm_engine.generate(
        engine,
        [[1, 2], [1, 2, 3]],
        ["a", "b"],
        candidates=2,
        seed=0,
        temperature=0.7,
        top_p=0.9,
        max_new_tokens=8,
    )
    assert answers == [[("2 0", True), ("2 1", False)], [("3 0", True), ("3 1", False)]]
    assert asked["engine"]["enable_prefix_caching"] is True
    assert asked["engine"]["trust_remote_code"] is False
    first, second = asked["settings"]
    assert (first["n"], first["temperature"], first["top_p"]) == (2, 0.7, 0.9)
    assert first["max_tokens"] == 8
    assert first["seed"] != second["seed"]


def test_the_command_samples_with_it(asked, llama_folder, tmp_path, lens):
    prompts = pd.DataFrame(
        {"prompt_id": ["a"], "prompt": ['[{"role": "user", "content": "w1 w2"}]'], "group": ["g"]}
    )
    prompts.to_parquet(tmp_path / "p.parquet")
    lens(
        "sample-responses",
        "--prompts",
        tmp_path / "p.parquet",
        "--model",
        llama_folder,
        "--engine",
        "vllm",
        "--candidates",
        3,
        "--max-new-tokens",
        8,
        "--out",
        tmp_path / "r.parquet",
        "--metrics",
        tmp_path / "metrics.json",
    )
    table = pd.read_parquet(tmp_path / "r.parquet")
    assert len(table) == 3
    assert table["response"].str.endswith(("0", "1", "2")).all()
    assert table["finished"].tolist() == [True, False, False]
    assert asked["engine"]["max_model_len"] == 64
    assert '"engine": "vllm"' in (tmp_path / "metrics.json").read_text()


def test_without_vllm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(LensError, match=r"vLLM is not installed.*lens-rm\[vllm\].*engine: hf"):
        vllm_engine.load("m", revision=None, dtype="float32", max_length=8, trust_remote_code=False)
