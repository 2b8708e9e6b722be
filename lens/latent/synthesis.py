"""Synthetic preference pairs (Section 3.2), drawn batch by batch; their embeddings are not stored.

A training set of scale k holds k pairs per triplet: the original pair, and k - 1 composed of
original and synthetic embeddings of the same triplet (Eq. 8). `compose` chooses them. A *source*
turns (side, rows of triplets, variants) into embeddings: variant 0 is the original, v > 0 the v-th
synthetic one. Methods differ only in their source.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lens.core.errors import LensError
from lens.core.row_noise import combine, row_normals
from lens.latent.vae import SIDES, VAE, sample

Source = Callable[[str, Tensor, Tensor], Tensor]


def synthetic_per_embedding(scale: int, *, alone: bool = False) -> int:
    """Synthetic embeddings needed per original: the smallest s with (1 + s)^2 >= scale, or with
    s^2 >= scale if they are paired `alone`, without originals. LensError for a scale below 1."""
    if scale < 1:
        raise LensError(f"augmentation scale {scale}: it must be 1 or more.")
    return math.isqrt(scale - 1) + alone


def compose(count: int, scale: int, seed: int) -> Tensor:
    """The pairs of `count` triplets as variants of (chosen, rejected), int64 [count, scale, 2].

    The first pair of every triplet is the original (0, 0); the other scale - 1 are drawn without
    replacement from its remaining (1 + s)^2 - 1 combinations. Every triplet has equal weight.
    """
    width = 1 + synthetic_per_embedding(scale)
    ranks = np.random.default_rng(seed).random((count, width * width - 1)).argsort(axis=1)
    flat = np.concatenate(
        [np.zeros((count, 1), np.int64), 1 + ranks[:, : scale - 1].astype(np.int64)], axis=1
    )
    return torch.from_numpy(np.stack(np.divmod(flat, width), axis=-1))


def compose_synthetic(count: int, scale: int, seed: int) -> Tensor:
    """Pairs as `compose` returns them, but of synthetic embeddings only (Figure 4b)."""
    width = synthetic_per_embedding(scale, alone=True)
    ranks = np.random.default_rng(seed).random((count, width * width)).argsort(axis=1)
    return torch.from_numpy(np.stack(np.divmod(ranks[:, :scale], width), axis=-1) + 1)


def log_density(latents: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, diag exp(log_variance)), summed over the last dimension."""
    squares = (latents - mean).square() / log_variance.exp()
    return -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(dim=-1)


def draw_latents(
    mean: Tensor,
    log_variance: Tensor,
    *,
    keep: int,
    candidates_per_kept: int,
    noise_variance: float,
    generator: torch.Generator,
) -> Tensor:
    """Synthetic latents [n, keep, latent] for posteriors [n, latent] (Eq. 7, Appendix A.1).

    Draws one z from each posterior and candidates z + N(0, noise_variance I), and keeps the `keep`
    candidates with the highest log q(z' | e), most likely first.
    """
    count, latent = mean.shape
    z = sample(mean, log_variance, torch.randn(count, latent, generator=generator))
    shape = (count, keep * candidates_per_kept, latent)
    candidates = z.unsqueeze(1) + math.sqrt(noise_variance) * torch.randn(
        shape, generator=generator
    )
    return most_likely(candidates, mean, log_variance, keep)


def most_likely(candidates: Tensor, mean: Tensor, log_variance: Tensor, keep: int) -> Tensor:
    """The `keep` candidates [n, keep, latent] of [n, c, latent] with the highest log q(z' | e)."""
    scores = log_density(candidates, mean.unsqueeze(1), log_variance.unsqueeze(1))
    best = scores.topk(keep, dim=1).indices
    return candidates.gather(1, best.unsqueeze(-1).expand(-1, -1, candidates.shape[-1]))


def originals(chosen: Tensor, rejected: Tensor) -> Source:
    """Every variant is the original embedding: the repeat control."""
    sides = {"chosen": chosen, "rejected": rejected}

    def source(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        return sides[side][rows]

    return source


class Along:
    """The source that moves originals along a `line` [d] by a standard normal number, one per
    variant above 0."""

    def __init__(self, chosen: Tensor, rejected: Tensor, line: Tensor, *, seed: int):
        self.originals = {"chosen": chosen, "rejected": rejected}
        self.line, self.seed = line, seed

    def __call__(self, side: str, rows: Tensor, variants: Tensor) -> Tensor:
        moved = amounts(self.seed, SIDES.index(side), rows, variants)
        return self.originals[side][rows] + moved.unsqueeze(1) * self.line


def amounts(seed: Tensor | int, side: Tensor | int, rows: Tensor, variants: Tensor) -> Tensor:
    """How far `Along` moves each row and variant [...]; seeds and sides are broadcast."""
    names = combine(seed, side, rows, variants)
    return row_normals(names, 1).squeeze(-1) * (variants > 0)


@torch.inference_mode()
def lens_latents(
    vae: VAE,
    chosen: Tensor,
    rejected: Tensor,
    *,
    keep: int,
    candidates_per_kept: int,
    noise_variance: float,
    seed: int,
) -> dict[str, Tensor]:
    """Synthetic latents of both sides, {side: [n, keep, latent]}: LENS stores nothing else."""
    generator = torch.Generator().manual_seed(seed)
    return {
        side: draw_latents(
            *vae.encode(embeddings, side),
            keep=keep,
            candidates_per_kept=candidates_per_kept,
            noise_variance=noise_variance,
            generator=generator,
        )
        for side, embeddings in zip(SIDES, (chosen, rejected), strict=True)
    }


class Decoded:
    """The source of synthetic embeddings decoded from `lens_latents`.

    The decoder's last layer is linear, so each synthetic embedding is a linear combination of a few
    vectors [v, d], the layer's columns and its bias; see `factors`.
    """

    @torch.no_grad()
    def __init__(self, vae: VAE, chosen: Tensor, rejected: Tensor, latents: dict[str, Tensor]):
        self.vae, self.latents = vae, latents
        self.originals = {"chosen": chosen, "rejected": rejected}
        self._source = with_originals(chosen, rejected, self._decode)

    def __call__(self, side: str, rows: Tensor, variants: Tensor) -> Tensor:
        return self._source(side, rows, variants)

    @torch.no_grad()
    def _decode(self, side: str, rows: Tensor, variants: Tensor) -> Tensor:
        return self.vae.decode(self.latents[side][rows, variants - 1], side)

    @torch.no_grad()
    def factors(self) -> tuple[Tensor, dict[str, Tensor]]:
        """(vectors [v, d], weights {side: [n, keep, v]}): embeddings are weights @ vectors."""
        vectors, features = [], {}
        for side in SIDES:
            features[side], layer = self.vae.decoder_features(self.latents[side], side)
            vectors.append(torch.cat([layer.weight.T, layer.bias.unsqueeze(0)]))
        ones = {side: h.new_ones(*h.shape[:2], 1) for side, h in features.items()}
        weights = {side: torch.cat([features[side], ones[side]], dim=2) for side in SIDES}
        if torch.equal(*vectors):
            return vectors[0], weights
        count = len(vectors[0])
        return torch.cat(vectors), {
            "chosen": torch.nn.functional.pad(weights["chosen"], (0, count)),
            "rejected": torch.nn.functional.pad(weights["rejected"], (count, 0)),
        }


def direct_perturbation(
    chosen: Tensor, rejected: Tensor, *, noise_variance: float, seed: int
) -> Source:
    """The source that adds Gaussian noise of the given variance to each feature of originals."""
    step = math.sqrt(noise_variance)
    return noisy(chosen, rejected, chosen.shape[1], lambda normals: step * normals, seed=seed)


def noisy(
    chosen: Tensor,
    rejected: Tensor,
    width: int,
    shape: Callable[[Tensor], Tensor],
    *,
    seed: int,
) -> Source:
    """The source that adds `shape(standard normals [n, width])` to originals, with new normals for
    each row and variant."""
    sides = {"chosen": chosen, "rejected": rejected}

    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        names = combine(seed, SIDES.index(side), rows, variants)
        return sides[side][rows] + shape(row_normals(names, width))

    return with_originals(chosen, rejected, synthesise)


def gaussian_sampling(chosen: Tensor, rejected: Tensor, *, seed: int) -> Source:
    """The source that draws from one Gaussian per side (sample mean, full sample covariance)."""
    means = {"chosen": chosen.mean(dim=0), "rejected": rejected.mean(dim=0)}
    roots = {"chosen": covariance_root(chosen), "rejected": covariance_root(rejected)}

    def synthesise(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        root = roots[side]
        noise = row_normals(combine(seed, SIDES.index(side), rows, variants), len(root))
        return means[side] + noise @ root

    return with_originals(chosen, rejected, synthesise)


def covariance_root(embeddings: Tensor) -> Tensor:
    """R [min(n, d), d] with R^T R the sample covariance of embeddings [n, d]."""
    centred = embeddings - embeddings.mean(dim=0)
    return torch.linalg.qr(centred, mode="r").R / math.sqrt(len(embeddings) - 1)


def with_originals(chosen: Tensor, rejected: Tensor, synthesise: Source) -> Source:
    """The source that returns originals for variant 0 and calls `synthesise` for the others."""
    sides = {"chosen": chosen, "rejected": rejected}

    def source(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        new = variants > 0
        if new.all():
            return synthesise(side, rows, variants)
        result = sides[side][rows]
        if new.any():
            result[new] = synthesise(side, rows[new], variants[new])
        return result

    return source
