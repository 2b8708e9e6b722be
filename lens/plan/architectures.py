"""The shape of a language model, and what follows from it in closed form: parameters and work."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lens.core.errors import LensError
from lens.files.artifacts import is_fitted
from lens.language.folders import gguf

FACTS = Path(__file__).with_name("architectures.json")
WORLD_WORDS = 74  # tokens that the offline world's texts and chats need


class Architecture(NamedTuple):
    """Blocks of grouped-query attention and a gated MLP; norms and biases, under a thousandth of
    the parameters, are left out."""

    hidden: int
    layers: int
    vocab: int
    tied: bool
    blocks: int  # parameters of all blocks

    def parameters(self, head: str = "words") -> int:
        """Numbers of the whole model: `head` is "words" (a language model), "reward" or "none"."""
        words = self.vocab * self.hidden
        output = {"words": 0 if self.tied else words, "reward": self.hidden}
        return words + self.blocks + output.get(head, 0)

    def flops(self, tokens: float, head: str = "none") -> float:
        """Of a forward pass: 2 per weight and token."""
        return 2 * (self.blocks + (self.vocab * self.hidden if head == "words" else 0)) * tokens

    def adapters(self, rank: int, everywhere: bool) -> int:
        """About as many numbers as LoRA trains, on every linear layer or on queries and values."""
        return (7 if everywhere else 2) * self.layers * 2 * rank * self.hidden


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
    return Architecture(hidden, layers, vocab, tied, layers * (attention + 3 * hidden * mlp))


@cache
def find(model: str, revision: str | None = None) -> Architecture:
    """The shape of a folder (of `lens fit`: of its encoder), a GGUF file or a Hub id, from its
    files, the Hub's local cache or architectures.json, never from the network. LensError where none
    has it."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if quantised := gguf.find(model):
        return from_config(gguf.sizes(quantised))
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    file: Any = Path(model) / "config.json"
    if not file.is_file():
        try:
            file = try_to_load_from_cache(model, "config.json", revision=revision)
        except HFValidationError:  # a path
            file = None
    if isinstance(file, str | Path):
        config = json.loads(Path(file).read_text(encoding="utf-8"))
        return find(config["encoder"]["model"]) if is_fitted(model) else from_config(config)
    if model in facts:
        return from_config(facts[model])
    raise LensError(
        f"model {model}: no config.json in that folder or in the Hub's cache, and the plan has no "
        f"facts of it. Fetch it first (`hf download {model} config.json`)."
    )
