"""The contrastive variational autoencoder (Section 3.1, Appendix A.1).

Trunk d-64, heads 64-16 for mean and log-variance, decoder 16-64-d. The networks for chosen and
rejected embeddings share everything, trunk and decoder, or nothing (Table 5).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.core.stacked import Linear, Stack, batches, seeded
from lens.files.artifacts import read_about, read_arrays, write_arrays

SHARING = ("share_everything", "shared_trunk_separate_heads", "separate_everything")
SIDES = ("chosen", "rejected")
ACTIVE = 0.01  # variance of a latent unit's posterior mean (Burda et al. 2016, section 3.3)


class VAE(nn.Module):
    """Encoder and decoder for both sides of a pair; `side` is "chosen" or "rejected".

    With `shared_trunk_separate_heads`, d = 4096, hidden 64 and latent 16: 533,696 parameters.
    """

    def __init__(self, dim: int, hidden: int, latent: int, sharing: str):
        super().__init__()
        if sharing not in SHARING:
            raise LensError(f"sharing {sharing!r} is none of {', '.join(SHARING)}.")
        self.shape: dict[str, Any] = {
            "dim": dim,
            "hidden": hidden,
            "latent": latent,
            "sharing": sharing,
        }
        self.trunk = _per_side(
            lambda: nn.Sequential(Linear(dim, hidden), nn.ReLU()),
            shared=sharing != "separate_everything",
        )
        self.mean_head = _per_side(
            lambda: Linear(hidden, latent), shared=sharing == "share_everything"
        )
        self.log_variance_head = _per_side(
            lambda: Linear(hidden, latent), shared=sharing == "share_everything"
        )
        self.decoder = _per_side(
            lambda: nn.Sequential(Linear(latent, hidden), nn.ReLU(), Linear(hidden, dim)),
            shared=sharing != "separate_everything",
        )

    def encode(self, embeddings: Tensor, side: str) -> tuple[Tensor, Tensor]:
        """Mean and log-variance [n, latent] of q(z | e) for embeddings [n, d] (Eq. 3)."""
        features = _pick(self.trunk, side)(embeddings)
        mean = _pick(self.mean_head, side)(features)
        return mean, _pick(self.log_variance_head, side)(features)

    def encode_pairs(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance [..., 2 n, latent] of q(z | e) for n pairs [..., 2 n, d], all
        chosen before all rejected (Eq. 3)."""
        features = _on_both(self.trunk, pairs)
        return _on_both(self.mean_head, features), _on_both(self.log_variance_head, features)

    def decode(self, latents: Tensor, side: str) -> Tensor:
        """Embeddings [n, d] for latents [n, latent]."""
        return _pick(self.decoder, side)(latents)

    def decoder_features(self, latents: Tensor, side: str) -> tuple[Tensor, Linear]:
        """(h [n, hidden], the decoder's last layer) for latents [n, latent]: `decode` is
        layer(h)."""
        decoder = cast(nn.Sequential, _pick(self.decoder, side))
        return decoder[:-1](latents), cast(Linear, decoder[-1])

    def errors(self, pairs: Tensor, latents: Tensor) -> Tensor:
        """|e - g(z)|^2 [..., 2 n] of pairs [..., 2 n, d], all chosen before all rejected."""
        return (_on_both(self.decoder, latents) - pairs).square().sum(dim=-1)


def _per_side(make: Callable[[], nn.Module], *, shared: bool) -> nn.ModuleDict:
    return nn.ModuleDict({name: make() for name in (("both",) if shared else SIDES)})


def _pick(parts: nn.ModuleDict, side: str) -> nn.Module:
    return parts["both"] if "both" in parts else parts[side]


def _on_both(parts: nn.ModuleDict, pairs: Tensor) -> Tensor:
    """A part's outputs for both sides [..., 2 n, in], all chosen before all rejected."""
    if "both" in parts:
        return parts["both"](pairs)
    halves = zip(SIDES, pairs.chunk(2, dim=-2), strict=True)
    return torch.cat([parts[side](half) for side, half in halves], dim=-2)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) || N(0, I)) per row and dimension, [n, latent]."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def wasserstein2(
    mean_a: Tensor, log_variance_a: Tensor, mean_b: Tensor, log_variance_b: Tensor
) -> Tensor:
    """2-Wasserstein distance [...] of diagonal Gaussians [..., latent]:
    sqrt(|mu_a - mu_b|^2 + |s_a - s_b|^2)."""
    deviations = (0.5 * log_variance_a).exp() - (0.5 * log_variance_b).exp()
    return torch.linalg.vector_norm(torch.cat([mean_a - mean_b, deviations], dim=-1), dim=-1)


def sample(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """z = mean + sigma * noise, all [n, latent]."""
    return mean + (0.5 * log_variance).exp() * noise


@dataclass
class LossTerms:
    """The terms of Eq. 6 per pair, [..., n].

    `reconstruction` and `kl` are summed over both members of a pair; `distance` is W2.
    """

    reconstruction: Tensor
    kl: Tensor
    distance: Tensor

    def total(self, beta: float, gamma: float) -> Tensor:
        """Eq. 4-6: reconstruction + beta KL - gamma W2."""
        return self.reconstruction + beta * self.kl - gamma * self.distance


def _pair_sum(values: Tensor) -> Tensor:
    """The sum [..., n] over both members of each pair, for values [..., 2 n]."""
    chosen, rejected = values.chunk(2, dim=-1)
    return chosen + rejected


def loss_terms(vae: VAE, pairs: Tensor, noise: Tensor) -> LossTerms:
    """Loss terms of n pairs [..., 2 n, d], all chosen before all rejected; `noise`
    [..., 2 n, latent] draws z. Reconstruction is a squared error summed over the d features."""
    mean, log_variance = vae.encode_pairs(pairs)
    errors = vae.errors(pairs, sample(mean, log_variance, noise))
    kl = kl_to_standard_normal(mean, log_variance).sum(dim=-1)
    means, log_variances = mean.chunk(2, dim=-2), log_variance.chunk(2, dim=-2)
    distance = wasserstein2(means[0], log_variances[0], means[1], log_variances[1])
    return LossTerms(_pair_sum(errors), _pair_sum(kl), distance)


def train_vaes(
    data: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    seeds: Sequence[int],
    hidden: int,
    latent: int,
    sharing: str,
    beta: float,
    gamma: float,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    held_out: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
    patience: int = 0,
    start: Sequence[VAE] | None = None,
) -> list[VAE]:
    """Trains one VAE per (chosen, rejected) of `data`, standardised embeddings [n, d], and seed.

    All are trained at once with Adam; the weights of each depend only on its data and seed, and on
    the VAE of `start` that it continues from, if there are some (with new moments of Adam's). With
    `held_out` pairs for each, a VAE stops after `patience` epochs without a better reconstruction
    of them and gets the weights of its best epoch. Raises LensError if a loss is not finite.
    """
    sides = [tuple(map(torch.from_numpy, pair)) for pair in data]
    dim = sides[0][0].shape[1]
    vaes = [seeded(lambda: VAE(dim, hidden, latent, sharing), seed) for seed in seeds]
    for vae, earlier in zip(vaes, start or [], strict=start is not None):
        vae.load_state_dict(earlier.state_dict())
    stack = Stack(vaes, learning_rate)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    counts = [len(chosen) for chosen, _ in sides]
    buffer = torch.empty(len(sides), 2 * min(batch_size, max(counts)), dim)
    watches = [_Watch(pair, patience) for pair in held_out or ()]
    for epoch in Bar(range(epochs), desc="vae", unit="epoch"):
        for batch in batches(counts, batch_size, generators):
            width = batch.rows.shape[1]
            pairs = buffer[:, : 2 * width]
            for embeddings, rows, part in zip(sides, batch.rows, pairs, strict=True):
                for side, half in zip(embeddings, part.chunk(2), strict=True):
                    torch.index_select(side, 0, rows, out=half)
            noise = torch.zeros(len(sides), 2, width, latent)
            for run in batch.active:
                length = batch.lengths[run]
                noise[run, :, :length] = torch.randn(2, length, latent, generator=generators[run])
            losses = loss_terms(stack.module, pairs, noise.flatten(1, 2)).total(beta, gamma)
            stack.step(batch.total(losses), batch.active)
        for seed, last in zip(seeds, losses[:, 0].tolist(), strict=True):
            if not math.isfinite(last):
                raise LensError(
                    f"the VAE's loss became {last} in epoch {epoch + 1} (seed {seed}). "
                    "Lower `learning_rate` or `gamma`, or check the embeddings' scale."
                )
        for run, watch in enumerate(watches):
            watch.look(vaes[run], stack.state(run))
        if watches and all(watch.left <= 0 for watch in watches):
            break
    for run, vae in enumerate(vaes):
        vae.load_state_dict(watches[run].best if watches else stack.state(run))
    return [vae.eval() for vae in vaes]


class _Watch:
    """Early stopping of one VAE: its `best` weights by the reconstruction of held-out pairs at the
    posterior mean, and the epochs `left` to improve on them."""

    def __init__(self, pair: tuple[np.ndarray, np.ndarray], patience: int):
        self.pair, self.patience, self.left = pair, patience, patience
        self.error = math.inf
        self.best: dict[str, Tensor] = {}

    def look(self, vae: VAE, state: dict[str, Tensor]) -> None:
        """Evaluates an epoch's weights, unless the run has stopped."""
        if self.left <= 0:
            return
        vae.load_state_dict(state)
        error = diagnose(vae, *self.pair)["reconstruction_error"]
        self.left -= 1
        if error < self.error:
            self.error, self.best, self.left = error, state, self.patience


@torch.inference_mode()
def diagnose(vae: VAE, chosen: np.ndarray, rejected: np.ndarray) -> dict:
    """How well a VAE fits pairs [n, d] at the posterior mean (no sampling).

    `reconstruction_error` is the mean of |e - g(mu)|^2. `active_units` counts latent dimensions
    whose posterior mean has a variance above 0.01 over the data, `active_units_within_sides` those
    that have it within one side (none if the posterior has collapsed; separate heads may still
    separate the sides). `variance_explained` is 1 - error / variance within each side, None without
    variance. Of their variance n embeddings have (n - 1) / n around their own mean:
    `no_nearer_than_mean` says whether they lie no nearer to their reconstructions than to that.
    """
    errors, cosines, kls, means, posteriors = [], [], [], [], []
    spread, within = 0.0, []
    for side, array in zip(SIDES, (chosen, rejected), strict=True):
        embeddings = torch.from_numpy(array)
        mean, log_variance = vae.encode(embeddings, side)
        decoded = vae.decode(mean, side)
        errors.append((decoded - embeddings).square().sum(dim=1))
        cosines.append(torch.cosine_similarity(decoded, embeddings))
        kls.append(kl_to_standard_normal(mean, log_variance))
        means.append(mean)
        spread += (embeddings - embeddings.mean(dim=0)).double().square().sum().item()
        within.append(mean.var(dim=0, correction=0) > ACTIVE)
        posteriors += [mean, log_variance]
    total = torch.cat(errors).double().sum().item()
    return {
        "reconstruction_error": torch.cat(errors).mean().item(),
        "no_nearer_than_mean": total >= spread,
        "variance_explained": 1 - (1 - 1 / len(chosen)) * total / spread if spread else None,
        "reconstruction_cosine": torch.cat(cosines).mean().item(),
        "kl_per_dimension": torch.cat(kls).mean(dim=0).tolist(),
        "active_units": int((torch.cat(means).var(dim=0) > ACTIVE).sum()),
        "active_units_within_sides": int((within[0] | within[1]).sum()),
        "wasserstein2": wasserstein2(*posteriors).mean().item(),
    }


def save_vae(path: str | Path, vae: VAE) -> None:
    """Weights as safetensors, with the shape that `load_vae` needs in the file's metadata."""
    arrays = {name: value.numpy() for name, value in vae.state_dict().items()}
    write_arrays(path, arrays, {name: str(value) for name, value in vae.shape.items()})


def load_vae(path: str | Path) -> VAE:
    """A VAE that `save_vae` wrote."""
    about = read_about(path)
    sizes = {name: int(about[name]) for name in ("dim", "hidden", "latent")}
    vae = VAE(**sizes, sharing=about["sharing"])
    vae.load_state_dict({name: torch.from_numpy(a) for name, a in read_arrays(path).items()})
    return vae.eval()
