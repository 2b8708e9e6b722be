"""Low-rank adapters, and their settings for peft."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens.core.errors import LensError

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters on the linear layers whose names end in one of `targets`."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    revision: str | None = None  # of the model that it adapts, kept for loading


def lora_config(lora: Lora | None, model: "PreTrainedModel") -> "LoraConfig | None":
    """The adapters of a model, or None; LensError where it has no layers of such names."""
    if lora is None:
        return None
    from peft import LoraConfig

    layers = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if missing := set(lora.targets) - layers - {"all-linear"}:
        raise LensError(
            f"LoRA targets {sorted(missing)}: the model has no such layers; it has "
            f"{', '.join(sorted(filter(None, layers)))}. Set `lora_targets`."
        )
    targets = "all-linear" if "all-linear" in lora.targets else list(lora.targets)
    return LoraConfig(
        task_type="SEQ_CLS",
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        modules_to_save=["score"],
        revision=lora.revision,
    )
