"""The VAE's latent space (Figure 3): what the contrastive term does to it, on held-out pairs too.

With separate heads per side a VAE can separate the two clouds by the heads' biases alone,
regardless of the responses. So held-out pairs are ordered twice: each response encoded by
its own side's head, which reveals its label, and both by the same head, which does not.
"""

from dataclasses import dataclass

import numpy as np
import torch

from lens.core.errors import LensError
from lens.latent.vae import SIDES, VAE, kl_to_standard_normal, wasserstein2
from lens.reward.head import pair_accuracy


@dataclass(frozen=True)
class Plane:
    """A linear projection of latents: `axes` [2, latent] are orthonormal, `centre` [latent]."""

    centre: np.ndarray
    axes: np.ndarray

    def __call__(self, latents: np.ndarray) -> np.ndarray:
        """Coordinates [..., 2] of latents [..., latent]."""
        return (latents - self.centre) @ self.axes.T


def class_plane(chosen: np.ndarray, rejected: np.ndarray) -> Plane:
    """The plane of chosen and rejected latents [n, latent]. x: from the mean of the rejected to
    that of the chosen; y: the first principal component of the residuals, its largest loading
    positive. LensError if the means are equal."""
    points = np.concatenate([chosen, rejected]).astype(np.float64)
    centre = points.mean(axis=0)
    x = chosen.mean(axis=0, dtype=np.float64) - rejected.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(x)
    if not length > 0:
        raise LensError("figure 3: chosen and rejected responses have the same mean in latents.")
    x /= length
    residuals = points - centre
    residuals -= np.outer(residuals @ x, x)
    y = np.linalg.eigh(residuals.T @ residuals)[1][:, -1]
    y *= np.sign(y[np.abs(y).argmax()])
    return Plane(centre, np.stack([x, y]))


def share_in_plane(plane: Plane, points: np.ndarray) -> float:
    """Share of the variance of points [n, latent] that the plane shows."""
    total = points.astype(np.float64).var(axis=0).sum()
    return float(plane(points).var(axis=0).sum() / total)


@torch.inference_mode()
def posteriors(vae: VAE, pairs: dict[str, np.ndarray], heads: dict[str, str]) -> dict:
    """{side: (mean, log-variance)} [n, latent] of embeddings [n, d] a side; `heads` says which
    side's head each goes through."""
    return {side: vae.encode(torch.from_numpy(pairs[side]), heads[side]) for side in SIDES}


def orders(
    vae: VAE, plane: Plane, train: dict[str, np.ndarray], held_out: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Whether each held-out pair's chosen response is above its rejected one (1, 1/2, 0), [n].

    `own_heads`: along x, each response through its own side's head, as in the picture. `same_head`:
    along x, both through the same head. `same_head_refitted`: the same, along the difference of
    the training responses' means through that head. The latter two are means over both heads.
    """

    def ordered(heads: dict[str, str], axis: np.ndarray) -> np.ndarray:
        both = posteriors(vae, held_out, heads)
        return pair_accuracy(*(both[side][0].numpy() @ axis for side in SIDES))

    x = plane.axes[0]
    by_head = {"own_heads": ordered({side: side for side in SIDES}, x)}
    either = [dict.fromkeys(SIDES, head) for head in SIDES]
    by_head["same_head"] = np.mean([ordered(heads, x) for heads in either], axis=0)
    refitted = [ordered(heads, mean_difference(vae, train, heads)) for heads in either]
    return by_head | {"same_head_refitted": np.mean(refitted, axis=0)}


def mean_difference(vae: VAE, pairs: dict[str, np.ndarray], heads: dict[str, str]) -> np.ndarray:
    """Mean posterior mean of the chosen minus that of the rejected responses [latent]."""
    both = posteriors(vae, pairs, heads)
    return (both["chosen"][0] - both["rejected"][0]).mean(dim=0).numpy()


def distances(by_side: dict) -> np.ndarray:
    """2-Wasserstein distance [n] between the posteriors of each pair."""
    return wasserstein2(*by_side["chosen"], *by_side["rejected"]).double().numpy()


def kl(by_side: dict) -> float:
    """KL to N(0, I), summed over dimensions, mean over responses."""
    terms = [kl_to_standard_normal(*by_side[side]).sum(dim=1) for side in SIDES]
    return torch.cat(terms).mean().item()


def mean_difference_orders(
    train: dict[str, np.ndarray], held_out: dict[str, np.ndarray]
) -> np.ndarray:
    """Whether each held-out pair is in order (1, 1/2, 0) along the mean difference of the training
    pairs' embeddings, without a VAE."""
    direction = (train["chosen"] - train["rejected"]).mean(axis=0)
    return pair_accuracy(*(held_out[side] @ direction for side in SIDES))
