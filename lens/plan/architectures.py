"""The shape of a language model, and what follows from it in closed form: parameters and bytes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lens.core.errors import LensError

FACTS = Path(__file__).with_name("architectures.json")
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
WORLD_WORDS = 74  # tokens that the offline world's texts and chats need


@dataclass(frozen=True)
class Architecture:
    """A decoder of blocks of grouped-query attention and a gated MLP, or an encoder like BERT."""

    kind: str  # transformers' model_type
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    biases: bool = False  # of query, key and value, in Qwen 2's way
    positions: int = 0  # learnt ones, in BERT's way

    def parameters(self, head: str = "words") -> int:
        """Numbers of the whole model: `head` is "words" (a language model), "reward" or "none"."""
        output = {"words": 0 if self.tied else self.vocab * self.hidden, "reward": self.hidden}
        return self.body + output.get(head, 0)

    @property
    def body(self) -> int:
        """Parameters without a head: embeddings, blocks and the last norm."""
        if self.kind == "bert":
            return (self.vocab + self.positions + 2 + 2) * self.hidden + self.layers * self.block
        return self.vocab * self.hidden + self.layers * self.block + self.hidden

    @property
    def block(self) -> int:
        """Parameters of one block."""
        if self.kind == "bert":
            attention = 4 * (self.hidden + 1) * self.hidden
            mlp = 2 * self.hidden * self.intermediate + self.intermediate + self.hidden
            return attention + mlp + 4 * self.hidden
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = self.hidden * (2 * queries + 2 * keys)
        biases = queries + 2 * keys if self.biases else 0
        norms = {"gemma2": 4, "gemma3_text": 4}.get(self.kind, 2) * self.hidden
        if self.kind in ("qwen3", "gemma3_text"):
            norms += 2 * self.head_dim  # of queries and keys
        return attention + biases + 3 * self.hidden * self.intermediate + norms

    def kv_bytes(self, tokens: float, dtype: str) -> float:
        """Keys and values of so many tokens: 2 x layers x kv heads x head dim x bytes x tokens."""
        if self.kind == "bert":
            return 0
        return 2 * self.layers * self.kv_heads * self.head_dim * BYTES[dtype] * tokens

    def activation_bytes(self, tokens: float, dtype: str) -> float:
        """What one block holds of so many tokens, without gradients: the stream, its norm, queries,
        keys, values and the attention's output, the MLP's three products."""
        attention = (2 * self.heads + 2 * self.kv_heads) * self.head_dim
        return (2 * self.hidden + attention + 3 * self.intermediate) * BYTES[dtype] * tokens

    def flops(self, tokens: float, context: float, head: str = "none") -> float:
        """Of a forward pass: 2 per weight and token, and attention to `context` tokens."""
        words = self.vocab * self.hidden if head == "words" else 0
        attention = 4 * self.layers * self.heads * self.head_dim * context
        return (2 * (self.layers * self.block + words) + attention) * tokens

    def adapters(self, rank: int, targets: Sequence[str]) -> int:
        """Numbers that LoRA trains: the adapters of every block, and the reward head."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        ends = {"q_proj": queries, "k_proj": keys, "v_proj": keys, "o_proj": queries}
        ends |= dict.fromkeys(("gate_proj", "up_proj", "down_proj"), self.intermediate)
        chosen = ends if "all-linear" in targets else ends.keys() & set(targets)
        return self.layers * rank * sum(self.hidden + ends[name] for name in chosen) + self.hidden


def from_config(config: Mapping) -> Architecture:
    """The shape in a model's config.json; LensError for a kind that is not known."""
    config = {**config, **config.get("text_config", {})}
    kind = config.get("model_type", "")
    if kind not in ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "bert"):
        raise LensError(
            f"model_type {kind!r}: the plan knows llama, mistral, qwen2, qwen3, gemma2, "
            "gemma3_text and bert. Plan with one of these of like size."
        )
    heads = config["num_attention_heads"]
    return Architecture(
        kind=kind,
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate=config["intermediate_size"],
        vocab=config["vocab_size"],
        tied=config.get("tie_word_embeddings", kind.startswith("gemma")),
        biases=kind == "qwen2",
        positions=config.get("max_position_embeddings", 0) if kind == "bert" else 0,
    )


def of_the_world(config: Mapping) -> Architecture:
    """The shape that `train_base_model` builds from `world.base_model` of the config."""
    base_model = config["world"]["base_model"]
    return from_config(
        {
            "model_type": "llama",
            "hidden_size": base_model["hidden"],
            "num_hidden_layers": base_model["layers"],
            "num_attention_heads": base_model["heads"],
            "intermediate_size": 2 * base_model["hidden"],
            "vocab_size": WORLD_WORDS,
            "tie_word_embeddings": False,
        }
    )


@cache
def find(model: str, revision: str | None = None) -> Architecture:
    """The shape of a folder or a Hub id.

    A Hub id is looked for in the local cache and then in architectures.json, never in the network.
    LensError where neither has it.
    """
    file: Any = Path(model) / "config.json"
    if not file.is_file():
        file = cached_config(model, revision)
    if file:
        return from_config(json.loads(Path(file).read_text(encoding="utf-8")))
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    if model in facts:
        return from_config(facts[model])
    raise LensError(
        f"model {model}: no config.json in that folder or in the Hub's cache, and the plan has no "
        f"facts of it. Fetch it first (`hf download {model} config.json`)."
    )


def cached_config(model: str, revision: str | None) -> Any:
    """The path of a Hub model's config.json where it has been downloaded, or something false."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "config.json", revision=revision)
    except HFValidationError:  # a path
        return None
    return found if isinstance(found, str) else None
