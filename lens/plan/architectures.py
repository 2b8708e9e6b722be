"""The shape of a language model, and what follows from it in closed form: parameters and bytes."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lens.core.errors import LensError

FACTS = Path(__file__).with_name("architectures.json")
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
WORLD_WORDS = 74  # tokens that the offline world's texts and chats need


class Architecture(NamedTuple):
    """A decoder of blocks of grouped-query attention and a gated MLP, or an encoder like BERT."""

    hidden: int
    layers: int
    queries: int  # width of the queries of all heads together
    keys: int  # width of the keys; 0 for an encoder, which keeps none
    intermediate: int
    vocab: int
    tied: bool
    block: int  # parameters of a block
    body: int  # parameters without a head

    def parameters(self, head: str = "words") -> int:
        """Numbers of the whole model: `head` is "words" (a language model), "reward" or "none"."""
        output = {"words": 0 if self.tied else self.vocab * self.hidden, "reward": self.hidden}
        return self.body + output.get(head, 0)

    def kv_bytes(self, tokens: float, dtype: str) -> float:
        """Keys and values of so many tokens."""
        return 2 * self.layers * self.keys * BYTES[dtype] * tokens

    def activation_bytes(self, tokens: float, dtype: str) -> float:
        """What one block holds of so many tokens, without gradients: the stream, its norm, queries,
        keys, values and the attention's output, the MLP's three products."""
        numbers = 2 * (self.hidden + self.queries + self.keys) + 3 * self.intermediate
        return numbers * BYTES[dtype] * tokens

    def flops(self, tokens: float, context: float, head: str = "none") -> float:
        """Of a forward pass: 2 per weight and token, and attention to `context` tokens."""
        words = self.vocab * self.hidden if head == "words" else 0
        attention = 4 * self.layers * self.queries * context
        return (2 * (self.layers * self.block + words) + attention) * tokens

    def adapters(self, rank: int, everywhere: bool) -> int:
        """Numbers that LoRA trains, on every linear layer or on queries and values alone."""
        widths = [self.queries, self.keys]
        widths += [self.queries, self.keys, *3 * [self.intermediate]] if everywhere else []
        return self.layers * rank * sum(self.hidden + width for width in widths) + self.hidden


def from_config(config: Mapping) -> Architecture:
    """The shape in a model's config.json; LensError for a kind that is not known."""
    config = {**config, **config.get("text_config", {})}
    kind = config.get("model_type", "")
    if kind not in ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "bert"):
        raise LensError(
            f"model_type {kind!r}: the plan knows llama, mistral, qwen2, qwen3, gemma2, "
            "gemma3_text and bert. Plan with one of these of like size."
        )
    keys_of_sizes = ("hidden_size", "intermediate_size", "num_attention_heads")
    hidden, mlp, heads = (config[key] for key in keys_of_sizes)
    size = config.get("head_dim") or hidden // heads
    queries, keys = heads * size, (config.get("num_key_value_heads") or heads) * size
    norms = (4 if kind.startswith("gemma") else 2) * hidden
    norms += 2 * size if kind in ("qwen3", "gemma3_text") else 0  # of queries and keys
    biases = queries + 2 * keys if kind == "qwen2" else 0
    block = 2 * hidden * (queries + keys) + 3 * hidden * mlp + norms + biases
    vocab, layers, more = config["vocab_size"], config["num_hidden_layers"], hidden
    if kind == "bert":  # with learnt positions, two types of text, and biases throughout
        block = 4 * (hidden + 1) * hidden + 2 * hidden * mlp + mlp + hidden + 4 * hidden
        more, keys = (config["max_position_embeddings"] + 4) * hidden, 0
    tied = config.get("tie_word_embeddings", kind.startswith("gemma"))
    body = vocab * hidden + layers * block + more
    return Architecture(hidden, layers, queries, keys, mlp, vocab, tied, block, body)


def of_the_world(hidden: int, layers: int, heads: int) -> Architecture:
    """The shape that `train_base_model` builds."""
    given = {"model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers}
    given |= {"num_attention_heads": heads, "intermediate_size": 2 * hidden}
    return from_config({**given, "vocab_size": WORLD_WORDS, "tie_word_embeddings": False})


@cache
def find(model: str, revision: str | None = None) -> Architecture:
    """The shape of a folder or a Hub id, from its files, the Hub's local cache or
    architectures.json, never from the network. LensError where none has it."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    file: Any = Path(model) / "config.json"
    if not file.is_file():
        try:
            file = try_to_load_from_cache(model, "config.json", revision=revision)
        except HFValidationError:  # a path
            file = None
    if isinstance(file, str | Path):
        return from_config(json.loads(Path(file).read_text(encoding="utf-8")))
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    if model in facts:
        return from_config(facts[model])
    raise LensError(
        f"model {model}: no config.json in that folder or in the Hub's cache, and the plan has no "
        f"facts of it. Fetch it first (`hf download {model} config.json`)."
    )
