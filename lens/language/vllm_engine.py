"""Sampling with vLLM, the optional engine for GPUs (`pip install "lens-rm[vllm]"`).

Every prompt is one request for all of its answers, so a prompt is read once. vLLM's prefix cache is
on, so the prompts of a dataset share what they begin with.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.files.hub import cached_folder
from lens.language.generation import Answer

if TYPE_CHECKING:
    from vllm import LLM


def load(
    path: str, *, revision: str | None, dtype: str, max_length: int, trust_remote_code: bool
) -> "LLM":
    """A vLLM engine for the model. Raises LensError where vLLM is not installed or, without a
    network, where the model has not been downloaded."""
    try:
        from vllm import LLM
    except ImportError as error:
        raise LensError(
            'engine vllm: vLLM is not installed. Run `pip install "lens-rm[vllm]"` on a machine '
            "with a GPU, or set `engine: hf`."
        ) from error
    return LLM(
        model=cached_folder(path, revision, trust_remote_code),
        revision=revision,
        dtype=dtype,
        max_model_len=max_length,
        trust_remote_code=trust_remote_code,
        load_format="safetensors",  # or it would take pickled weights
        enable_prefix_caching=True,
    )


def generate(
    engine: "LLM",
    prompts: Sequence[Sequence[int]],
    names: Sequence[str],
    *,
    candidates: int,
    seed: int,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
) -> list[list[Answer]]:
    """`candidates` sampled answers for each tokenised prompt; each prompt has its own seed.

    The answers are others than those of `generation.generate` for the same seed: the two
    engines draw their random numbers differently.
    """
    from vllm import SamplingParams

    settings = [
        SamplingParams(
            n=candidates,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_new_tokens,
            seed=derive_seed(seed, name) % 2**31,
        )
        for name in names
    ]
    outputs = engine.generate([{"prompt_token_ids": list(ids)} for ids in prompts], settings)
    return [
        [Answer(one.text.strip(), one.finish_reason == "stop") for one in output.outputs]
        for output in outputs
    ]
