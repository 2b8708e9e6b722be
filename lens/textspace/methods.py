"""The methods of Table 1 that train on text, and what each of them needs."""

from dataclasses import dataclass
from typing import Literal

Training = Literal["full", "lora", "mlp"]


@dataclass(frozen=True)
class Row:
    """One method: `label` and `look` in tables and figures (see `lens.reward.methods`), the kind of
    training, who labels its synthetic pairs (None: a repeat control), and whether a model of scale
    1 is trained for it (`original`)."""

    label: str
    look: tuple[str, str, str]
    training: Training
    labels: str | None
    original: bool = False


TEXT_METHODS: dict[str, Row] = {
    "full_finetune": Row(
        "Full fine-tuning", ("#004D7F", "-", "h"), "full", "annotator", original=True
    ),
    "full_finetune_repeat": Row(
        "Full fine-tuning, repeat (control)", ("#777777", ":", "H"), "full", None
    ),
    "lora": Row("LoRA", ("#6A51A3", "-", "8"), "lora", "annotator", original=True),
    "lora_repeat": Row("LoRA, repeat (control)", ("#888888", "-.", "8"), "lora", None),
    "embedding_mlp": Row("Embedding MLP on text", ("#8C510A", "--", "<"), "mlp", "annotator"),
    "self_rewarding": Row("Self-rewarding", ("#BF812D", ":", ">"), "full", "self_rewarding"),
    "self_evolved": Row("Self-evolved", ("#35978F", "-.", "1"), "full", "self_evolved"),
    "ipo": Row("IPO", ("#01665E", "--", "2"), "full", "ipo"),
}
CONTROLS = {"full": "full_finetune_repeat", "lora": "lora_repeat"}
