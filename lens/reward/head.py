"""A trained reward of embeddings: plain arrays, scored with NumPy, saved as safetensors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lens.core.errors import LensError
from lens.files.artifacts import read_about, read_arrays, write_arrays
from lens.reward.training_set import Standardiser

WEIGHTS = ("w", "w1", "b1", "w2", "b2")


def pair_accuracy(chosen_reward: np.ndarray, rejected_reward: np.ndarray) -> np.ndarray:
    """1 where the chosen answer scores higher, 0 where lower, 1/2 on a tie."""
    return (np.sign(chosen_reward - rejected_reward) + 1) / 2


@dataclass
class RewardHead:
    """r(e) for embeddings as the language model gives them (not yet standardised).

    `weights` is {"w"} [d] for a linear model, {"w1" [h, d], "b1" [h], "w2" [h], "b2" []} for the
    MLP d-h-1 with ReLU of Section 3.3, or both for their sum. Rewards have no unit and no zero:
    only differences count, and sigmoid(r(a) - r(b)) is the probability that a is preferred.
    """

    weights: dict[str, np.ndarray]
    standardiser: Standardiser

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Rewards float32 [...] for embeddings [..., d]."""
        if embeddings.shape[-1] != len(self.standardiser.mean):
            raise LensError(
                f"embeddings have {embeddings.shape[-1]} features, the reward model was trained on "
                f"{len(self.standardiser.mean)}. Embed with the model that it was trained with."
            )
        return self.score_standardised(self.standardiser(embeddings))

    def score_standardised(self, features: np.ndarray) -> np.ndarray:
        """Rewards [...] for features [..., d] that the standardiser has been through."""
        linear = self.weights.get("w")
        rewards = np.zeros((), np.float32) if linear is None else features @ linear
        if "w1" in self.weights:
            hidden = np.maximum(features @ self.weights["w1"].T + self.weights["b1"], 0)
            rewards = rewards + (hidden @ self.weights["w2"] + self.weights["b2"])
        return rewards

    def save(
        self, path: str | Path, about: dict[str, str] | None = None, extra: dict | None = None
    ) -> None:
        """Saves as safetensors, with more text `about` it and `extra` arrays next to its own."""
        arrays = {"mean": self.standardiser.mean, "scale": self.standardiser.scale}
        arrays |= self.weights | (extra or {})
        write_arrays(path, arrays, {"format": "lens-reward-1", **(about or {})})

    @classmethod
    def load(cls, path: str | Path) -> "RewardHead":
        if read_about(path).get("format") != "lens-reward-1":
            raise LensError(f"{path}: not a LENS reward model.")
        arrays = read_arrays(path)
        standardiser = Standardiser(arrays.pop("mean"), arrays.pop("scale"))
        return cls({name: arrays[name] for name in WEIGHTS if name in arrays}, standardiser)
