"""Theorem 1 on data: does the reward gap of a synthetic pair keep its lower bound?

    r*(e^+) - r*(e^-)  >=  r*(e+) - r*(e-) - 2 L_r (L_g t_delta + eps_rec)^alpha        (Eq. 14)

e^ are synthetic embeddings. Both networks are ReLU networks, so alpha = 1. All lengths are in the
units of the reference reward model: features standardised by its training pairs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lens.latent.synthesis import lens_latents
from lens.latent.vae import SIDES, VAE
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, TrainingSet
from lens.theory.bounds import noise_radius

CHUNK = 4096


@dataclass
class Lipschitz:
    """A Lipschitz constant: `upper` bounds it everywhere, `seen` is the largest local value met."""

    upper: float
    seen: float


def decoder_lipschitz(vae: VAE, side: str, latents: Tensor, units: Tensor) -> Lipschitz:
    """Of e = units * g(z) in z: product of the layers' spectral norms, and the largest spectral
    norm of the Jacobian at latents [n, latent]. `units` [d] rescales the decoder's features."""
    layers: Any = vae.decoder["both" if "both" in vae.decoder else side]
    first, _, last = layers
    out = units.unsqueeze(1) * last.weight
    upper = torch.linalg.matrix_norm(out, 2) * torch.linalg.matrix_norm(first.weight, 2)
    gram, seen = out.T @ out, 0.0
    for part in latents.split(CHUNK):
        inner = (first(part) > 0).to(part.dtype).unsqueeze(2) * first.weight  # [n, h, latent]
        squared = torch.linalg.eigvalsh(inner.mT @ gram @ inner)[:, -1]
        seen = max(seen, squared.clamp_min(0).max().sqrt().item())
    return Lipschitz(upper.item(), seen)


def reward_lipschitz(model: RewardHead, features: np.ndarray) -> Lipschitz:
    """Of the reward in standardised features [n, d]: product of spectral norms, and the largest
    gradient norm at the given points."""
    weights = model.weights
    if "w" in weights:
        norm = float(np.linalg.norm(weights["w"]))
        return Lipschitz(norm, norm)
    upper = float(np.linalg.norm(weights["w1"], 2) * np.linalg.norm(weights["w2"]))
    gram, seen = weights["w1"] @ weights["w1"].T, 0.0
    for start in range(0, len(features), CHUNK):
        active = features[start : start + CHUNK] @ weights["w1"].T + weights["b1"] > 0
        outer = active * weights["w2"]
        seen = max(seen, float(np.einsum("nh,hk,nk->n", outer, gram, outer).max()) ** 0.5)
    return Lipschitz(upper, seen)


def subtracted(reward: float, decoder: float, radius: float, reconstruction: float) -> float:
    """2 L_r (L_g t_delta + eps_rec): what Eq. 14 takes from the original gap."""
    return 2 * reward * (decoder * radius + reconstruction)


def _to_units_of(unit: Standardiser, own: Standardiser) -> tuple[Tensor, Tensor]:
    """(factors, shifts) [d] that bring features standardised by `own` into the units of `unit`."""
    shift = (own.mean - unit.mean) / unit.scale
    return torch.from_numpy(own.scale / unit.scale), torch.from_numpy(shift)


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
    """One synthetic pair for each training pair of `data`, held against the bound.

    (summary, one row per pair with its position in the pair table, gaps, and whether it holds).

    The decoder sees latents z + noise with z from the posterior; eps_rec is |g(z) - e|, largest
    and root mean square. `holds` is the share of pairs whose synthetic gap keeps the bound,
    `promises` the share for which the bound's right side is above 0, so that it promises order.
    """
    units, shift = _to_units_of(reference.standardiser, data.standardiser)
    sides = [torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)]
    options: dict[str, Any] = {"keep": 1, "candidates_per_kept": candidates_per_kept, "seed": seed}
    moved = lens_latents(vae, *sides, noise_variance=noise_variance, **options)
    still = lens_latents(vae, *sides, noise_variance=0.0, **options)
    points, errors, decoders, radii = [], [], [], []
    rewards: dict[str, list[np.ndarray]] = {"original": [], "synthetic": []}
    for side, embeddings in zip(SIDES, sides, strict=True):
        before, after = still[side][:, 0], moved[side][:, 0]
        features = {
            "original": embeddings * units + shift,
            "synthetic": vae.decode(after, side) * units + shift,
        }
        decoded = vae.decode(before, side) * units + shift
        errors.append((decoded - features["original"]).norm(dim=1))
        radii.append((after - before).norm(dim=1))
        decoders.append(decoder_lipschitz(vae, side, torch.cat([before, after]), units))
        for kind, values in features.items():
            points.append(values.numpy())
            rewards[kind].append(reference.score_standardised(values.numpy()))
    gaps = {kind: chosen - rejected for kind, (chosen, rejected) in rewards.items()}
    decoder = Lipschitz(max(d.upper for d in decoders), max(d.seen for d in decoders))
    reward = reward_lipschitz(reference, np.concatenate(points))
    radius = noise_radius(noise_variance, vae.shape["latent"], delta)
    error = torch.cat(errors)
    largest, root_mean_square = error.max().item(), error.square().mean().sqrt().item()
    found = {
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
    shares, held = hold_against_bound(gaps, reward, decoder, radius, largest, root_mean_square)
    return found | shares, held.assign(row=data.rows)


def hold_against_bound(
    gaps: dict[str, np.ndarray],
    reward: Lipschitz,
    decoder: Lipschitz,
    radius: float,
    largest: float,
    root_mean_square: float,
) -> tuple[dict, pd.DataFrame]:
    """(what each reading of Eq. 14 takes off, for what share it holds and promises; a row per pair
    with its gaps and whether each reading holds). `gaps` holds "original" and "synthetic" [n]."""
    shares, held = {}, pd.DataFrame({f"gap_{kind}": values for kind, values in gaps.items()})
    for name, constants, eps in (
        ("as_stated", (reward.upper, decoder.upper), largest),
        ("seen_constants", (reward.seen, decoder.seen), largest),
        ("mean_square", (reward.upper, decoder.upper), root_mean_square),
        ("seen_constants_mean_square", (reward.seen, decoder.seen), root_mean_square),
    ):
        taken = subtracted(*constants, radius, eps)
        slack = gaps["synthetic"] - (gaps["original"] - taken)
        held[f"{name}_holds"] = slack >= -1e-6 * (1 + taken)
        shares[f"{name}_subtracted"] = taken
        shares[f"{name}_holds"] = float(held[f"{name}_holds"].mean())
        shares[f"{name}_promises"] = float((gaps["original"] - taken > 0).mean())
    return shares, held
