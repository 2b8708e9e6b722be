"""LENS: better reward models from few preference labels, by synthesis in a latent space.

In a notebook: `read_pairs` and `embed_pairs` make the data, `advise` compares recipes on them,
`fit` trains a `RewardModel`. Everything loads at first use, so that importing is quick.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "Advice": "advice.result",
    "EmbeddedPairs": "advice.own_pairs",
    "Encoder": "language.encoder",
    "LensError": "core.errors",
    "Preferences": "advice.preferences",
    "Recipe": "reward.recipes",
    "RewardModel": "serving.reward_model",
    "advise": "advice.advise",
    "check_data": "data.check",
    "embed_pairs": "advice.own_pairs",
    "export_classifier": "serving.export",
    "export_sentence_transformer": "serving.export",
    "extend_pairs": "advice.extend",
    "fit": "advice.fit",
    "import_embeddings": "advice.own_pairs",
    "next_pairs": "advice.choose",
    "read_pairs": "advice.preferences",
    "reward_bench": "evaluation.rewardbench",
    "suspects": "labels.suspects",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lens' has no attribute {name!r}")
    return getattr(import_module(f"lens.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
