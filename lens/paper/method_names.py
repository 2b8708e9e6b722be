"""How methods are called and drawn in tables and figures."""

from lens.report.figures import line_style
from lens.reward.methods import METHODS, NO_LOOK

IN_TEXT_SPACE = {  # (label, look) as in `lens.reward.methods`
    "full_finetune": ("Full fine-tuning", ("#004D7F", "-", "h")),
    "full_finetune_repeat": ("Full fine-tuning, repeat (control)", ("#777777", ":", "H")),
    "lora": ("LoRA", ("#6A51A3", "-", "8")),
    "lora_repeat": ("LoRA, repeat (control)", ("#888888", "-.", "8")),
    "embedding_mlp": ("Embedding MLP on text", ("#8C510A", "--", "<")),
    "self_rewarding": ("Self-rewarding", ("#BF812D", ":", ">")),
    "self_evolved": ("Self-evolved", ("#35978F", "-.", "1")),
    "ipo": ("IPO", ("#01665E", "--", "2")),
}
ALL = {name: (method.label, method.look) for name, method in METHODS.items()} | IN_TEXT_SPACE


def method_name(method: str) -> str:
    """How a method is called in print; one that is not known, by its own name."""
    return ALL[method][0] if method in ALL else method.replace("_", " ").capitalize()


def look_of(method: str) -> dict[str, str]:
    """Colour, line and marker of a method; a thin grey for one that is not known."""
    return line_style(*(ALL[method][1] if method in ALL else NO_LOOK))
