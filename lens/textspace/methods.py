"""The rows of Table 1 that train on text, and what each of them needs."""

from dataclasses import dataclass
from typing import Literal

TextMethod = Literal[
    "full_finetune",
    "full_finetune_repeat",
    "lora",
    "lora_repeat",
    "embedding_mlp",
    "self_rewarding",
    "self_evolved",
    "ipo",
]
Training = Literal["full", "lora", "mlp"]


@dataclass(frozen=True)
class Row:
    """How a method is trained, whose labels its synthetic pairs carry (None: a repeat control has
    none), and whether a model of scale 1 is trained for it."""

    training: Training
    labels: str | None
    original: bool = False


TEXT_METHODS: dict[str, Row] = {
    "full_finetune": Row("full", "annotator", original=True),
    "full_finetune_repeat": Row("full", None),
    "lora": Row("lora", "annotator", original=True),
    "lora_repeat": Row("lora", None),
    "embedding_mlp": Row("mlp", "annotator"),
    "self_rewarding": Row("full", "self_rewarding"),
    "self_evolved": Row("full", "self_evolved"),
    "ipo": Row("full", "ipo"),
}
CONTROLS = {"full": "full_finetune_repeat", "lora": "lora_repeat"}
