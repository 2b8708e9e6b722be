"""Theorem 1 on data: does the reward gap of a synthetic pair stay above its lower bound?

    r*(e^+) - r*(e^-)  >=  r*(e+) - r*(e-) - 2 L_r (L_g t_delta + eps_rec)^alpha        (Eq. 14)

e^ are synthetic embeddings. Both networks are ReLU networks, so alpha = 1. All lengths are in
features standardised by the training pairs of the reference reward model ("its units").
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lens.core.chunks import ROWS, chunks
from lens.latent.synthesis import lens_latents
from lens.latent.vae import SIDES, VAE
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, TrainingSet
from lens.theory.bounds import noise_radius


@dataclass
class Lipschitz:
    """A Lipschitz constant: `upper` is an upper bound, `seen` the largest value on the data."""

    upper: float
    seen: float


def decoder_lipschitz(vae: VAE, side: str, latents: Tensor, units: Tensor) -> Lipschitz:
    """Lipschitz constant of e = units * g(z) in z: the product of the layers' spectral norms, and
    the largest spectral norm of the Jacobian at `latents` [n, latent]. `units` [d] rescales the
    decoder's features."""
    layers: Any = vae.decoder["both" if "both" in vae.decoder else side]
    first, _, last = layers
    out = units.unsqueeze(1) * last.weight
    upper = torch.linalg.matrix_norm(out, 2) * torch.linalg.matrix_norm(first.weight, 2)
    gram, seen = out.T @ out, 0.0
    for part in latents.split(ROWS):
        inner = (first(part) > 0).to(part.dtype).unsqueeze(2) * first.weight  # [n, h, latent]
        squared = torch.linalg.eigvalsh(inner.mT @ gram @ inner)[:, -1]
        seen = max(seen, squared.clamp_min(0).max().sqrt().item())
    return Lipschitz(upper.item(), seen)


def reward_lipschitz(model: RewardHead, features: np.ndarray) -> Lipschitz:
    """Lipschitz constant of a reward: the product of the layers' spectral norms, and the largest
    gradient norm at standardised `features` [n, d]."""
    weights = model.weights
    if "w" in weights:
        norm = float(np.linalg.norm(weights["w"]))
        return Lipschitz(norm, norm)
    upper = float(np.linalg.norm(weights["w1"], 2) * np.linalg.norm(weights["w2"]))
    gram, seen = weights["w1"] @ weights["w1"].T, 0.0
    for span in chunks(len(features)):
        active = features[span] @ weights["w1"].T + weights["b1"] > 0
        outer = active * weights["w2"]
        seen = max(seen, float(np.einsum("nh,hk,nk->n", outer, gram, outer).max()) ** 0.5)
    return Lipschitz(upper, seen)


def subtracted(reward: float, decoder: float, radius: float, reconstruction: float) -> float:
    """2 L_r (L_g t_delta + eps_rec): what Eq. 14 subtracts from the original gap."""
    return 2 * reward * (decoder * radius + reconstruction)


def _change_of_units(to: Standardiser, source: Standardiser) -> tuple[Tensor, Tensor]:
    """(factors, shifts) [d] that turn features standardised by `source` into those of `to`."""
    shift = (source.mean - to.mean) / to.scale
    return torch.from_numpy(source.scale / to.scale), torch.from_numpy(shift)


@torch.inference_mode()
def check(
    vae: VAE,
    data: TrainingSet,
    reference: RewardHead,
    *,
    noise_variance: float,
    candidates_per_kept: int,
    delta: float,
    seed: int,
) -> tuple[dict, pd.DataFrame]:
    """Compares one synthetic pair per training pair of `data` with the bound.

    Returns (summary, one row per pair: its row in the pair table, gaps, whether the bound holds).

    The decoder's input is z + noise with z from the posterior; eps_rec is |g(z) - e|, largest and
    root mean square. In the summary, `..._holds` is the share of pairs for which the bound holds.
    `..._promises` is the share for which its right side is above 0: the bound promises the order.
    """
    units, shift = _change_of_units(reference.standardiser, data.standardiser)
    sides = [torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)]
    options: dict[str, Any] = {"keep": 1, "candidates_per_kept": candidates_per_kept, "seed": seed}
    moved = lens_latents(vae, *sides, noise_variance=noise_variance, **options)
    still = lens_latents(vae, *sides, noise_variance=0.0, **options)
    errors, decoders, radii, seen = [], [], [], 0.0
    rewards: dict[str, list[np.ndarray]] = {"original": [], "synthetic": []}
    for side, embeddings in zip(SIDES, sides, strict=True):
        before, after = still[side][:, 0], moved[side][:, 0]
        for span in chunks(len(embeddings)):
            original = embeddings[span] * units + shift
            synthetic = vae.decode(after[span], side) * units + shift
            decoded = vae.decode(before[span], side) * units + shift
            errors.append((decoded - original).norm(dim=1))
            for kind, values in (("original", original), ("synthetic", synthetic)):
                rewards[kind].append(reference.score_standardised(values.numpy()))
                seen = max(seen, reward_lipschitz(reference, values.numpy()).seen)
        radii.append((after - before).norm(dim=1))
        decoders.append(decoder_lipschitz(vae, side, torch.cat([before, after]), units))
    by_side = {kind: np.split(np.concatenate(parts), 2) for kind, parts in rewards.items()}
    gaps = {kind: chosen - rejected for kind, (chosen, rejected) in by_side.items()}
    decoder = Lipschitz(max(d.upper for d in decoders), max(d.seen for d in decoders))
    reward = Lipschitz(reward_lipschitz(reference, sides[0][:1].numpy()).upper, seen)
    radius = noise_radius(noise_variance, vae.shape["latent"], delta)
    error = torch.cat(errors)
    largest, root_mean_square = error.max().item(), error.square().mean().sqrt().item()
    summary = {
        "pairs": len(gaps["original"]),
        "decoder_lipschitz_upper": decoder.upper,
        "decoder_lipschitz_seen": decoder.seen,
        "reward_lipschitz_upper": reward.upper,
        "reward_lipschitz_seen": reward.seen,
        "t_delta": radius,
        "noise_within_t_delta": float((torch.cat(radii) <= radius).double().mean()),
        "eps_rec_largest": largest,
        "eps_rec_root_mean_square": root_mean_square,
        "gap_original": float(gaps["original"].mean()),
        "gap_synthetic": float(gaps["synthetic"].mean()),
        "order_kept": float((np.sign(gaps["original"]) == np.sign(gaps["synthetic"])).mean()),
    }
    shares, table = compare_with_bound(gaps, reward, decoder, radius, largest, root_mean_square)
    return summary | shares, table.assign(row=data.rows)


def compare_with_bound(
    gaps: dict[str, np.ndarray],
    reward: Lipschitz,
    decoder: Lipschitz,
    radius: float,
    largest: float,
    root_mean_square: float,
) -> tuple[dict, pd.DataFrame]:
    """({READING_subtracted, READING_holds, READING_promises: of each reading of Eq. 14}, one row
    per pair with its gaps and whether each reading holds). `gaps` are "original" and "synthetic"
    [n]; `largest` and `root_mean_square` are reconstruction errors."""
    shares, table = {}, pd.DataFrame({f"gap_{kind}": values for kind, values in gaps.items()})
    for name, constants, eps in (
        ("as_stated", (reward.upper, decoder.upper), largest),
        ("seen_constants", (reward.seen, decoder.seen), largest),
        ("mean_square", (reward.upper, decoder.upper), root_mean_square),
        ("seen_constants_mean_square", (reward.seen, decoder.seen), root_mean_square),
    ):
        allowance = subtracted(*constants, radius, eps)
        slack = gaps["synthetic"] - (gaps["original"] - allowance)
        table[f"{name}_holds"] = slack >= -1e-6 * (1 + allowance)
        shares[f"{name}_subtracted"] = allowance
        shares[f"{name}_holds"] = float(table[f"{name}_holds"].mean())
        shares[f"{name}_promises"] = float((gaps["original"] - allowance > 0).mean())
    return shares, table
