"""The shape of a language model, and what follows from it in closed form: parameters and work."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lens.core.errors import LensError
from lens.files.artifacts import is_fitted, read_json
from lens.language.folders import gguf

FACTS = Path(__file__).with_name("architectures.json")


class Architecture(NamedTuple):
    """Blocks of grouped-query attention and a gated MLP; norms, biases and LoRA's adapters, under
    a hundredth of the parameters, are left out."""

    hidden: int
    vocab: int
    tied: bool
    blocks: int  # parameters of all blocks

    def parameters(self, *, words: bool) -> int:
        """Numbers of the whole model, with an output for words or without."""
        matrices = 2 if words and not self.tied else 1
        return self.blocks + matrices * self.vocab * self.hidden

    def flops(self, tokens: float, *, words: bool = False) -> float:
        """Of a forward pass: 2 per weight and token."""
        return 2 * (self.blocks + words * self.vocab * self.hidden) * tokens


def from_config(config: Mapping) -> Architecture:
    """The shape in a model's config.json; LensError where it says no sizes."""
    config = {**config, **config.get("text_config", {})}
    try:
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        layers, mlp = config["num_hidden_layers"], config["intermediate_size"]
        vocab = config["vocab_size"]
    except KeyError as error:
        raise LensError(
            f"model_type {config.get('model_type')!r}: no {error} in its config.json, by which the "
            "plan counts. Plan with a model of like size."
        ) from None
    size = config.get("head_dim") or hidden // heads
    attention = 2 * hidden * size * (heads + (config.get("num_key_value_heads") or heads))
    tied = config.get("tie_word_embeddings", str(config.get("model_type")).startswith("gemma"))
    return Architecture(hidden, vocab, tied, layers * (attention + 3 * hidden * mlp))


@cache
def find(model: str, revision: str | None = None) -> Architecture:
    """The shape of a folder (of `lens fit`: of its encoder), a GGUF file or a Hub id, from its
    files, the Hub's local cache or architectures.json, never from the network. LensError where none
    has it."""
    from huggingface_hub import try_to_load_from_cache

    if quantised := gguf.find(model):
        return from_config(gguf.sizes(quantised))
    folder, cached = Path(model) / "config.json", None
    with suppress(ValueError):  # it is a path, no Hub id
        cached = try_to_load_from_cache(model, "config.json", revision=revision)
    file = folder if folder.is_file() else cached
    facts = read_json(file) if isinstance(file, str | Path) else read_json(FACTS).get(model)
    if facts:
        return find(facts["encoder"]["model"]) if is_fitted(model) else from_config(facts)
    raise LensError(
        f"model {model}: no config.json in that folder or in the Hub's cache, and the plan has no "
        f"facts of it. Fetch it first (`hf download {model} config.json`)."
    )
