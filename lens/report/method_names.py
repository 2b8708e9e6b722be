"""How methods are called in print."""

METHOD_NAMES = {
    "repeat": "Repeat (control)",
    "lens": "LENS",
    "mean_difference": "Mean-difference probe",
    "lens_plus": "LENS+",
    "synthetic_only": "LENS, synthetic alone",
    "full_finetune": "Full fine-tuning",
    "full_finetune_repeat": "Full fine-tuning, repeat (control)",
    "lora": "LoRA",
    "lora_repeat": "LoRA, repeat (control)",
    "embedding_mlp": "Embedding MLP on text",
    "self_rewarding": "Self-rewarding",
    "self_evolved": "Self-evolved",
    "ipo": "IPO",
}


def method_name(method: str) -> str:
    """How a method is called in print."""
    return METHOD_NAMES.get(method, method.replace("_", " ").capitalize())
