"""LENS as people write it: a VAE, its synthetic pairs in memory, an MLP, one seed at a time.

Plain PyTorch: `nn.Linear`, `DataLoader`, `torch.optim.Adam` as it comes. Initial weights, order and
noise are drawn as LENS draws them, so that both reach the same losses.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.utils.data import DataLoader, Sampler, TensorDataset

from lens.core.seeds import derive_seed
from lens.latent.synthesis import compose, draw_latents, synthetic_per_embedding
from lens.reward.training_set import TrainingSet


class PlainVAE(nn.Module):
    """Shared trunk and decoder, separate heads (the paper's choice)."""

    def __init__(self, dim: int, hidden: int, latent: int):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU())
        self.mean = nn.ModuleList([nn.Linear(hidden, latent) for _ in range(2)])
        self.log_variance = nn.ModuleList([nn.Linear(hidden, latent) for _ in range(2)])
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def encode(self, embeddings: Tensor, side: int) -> tuple[Tensor, Tensor]:
        features = self.trunk(embeddings)
        return self.mean[side](features), self.log_variance[side](features)


class Shuffled(Sampler):
    """`shuffle=True` with one draw an epoch, as LENS draws it."""

    def __init__(self, count: int, generator: torch.Generator):
        self.count, self.generator = count, generator

    def __iter__(self):
        return iter(torch.randperm(self.count, generator=self.generator).tolist())

    def __len__(self):
        return self.count


def loader(chosen: Tensor, rejected: Tensor, batch_size: int, generator) -> DataLoader:
    data = TensorDataset(chosen, rejected)
    return DataLoader(data, batch_size, sampler=Shuffled(len(data), generator))


def train_vae(chosen: Tensor, rejected: Tensor, seed: int, settings: dict) -> PlainVAE:
    """The loss of Eq. 6 by Adam over shuffled epochs."""
    torch.manual_seed(seed)
    vae = PlainVAE(chosen.shape[1], settings["hidden"], settings["latent"])
    adam = torch.optim.Adam(vae.parameters(), lr=settings["learning_rate"])
    generator = torch.Generator().manual_seed(seed)
    batches = loader(chosen, rejected, settings["batch_size"], generator)
    for _ in range(settings["epochs"]):
        for pair in batches:
            noise = torch.randn(2, len(pair[0]), settings["latent"], generator=generator)
            loss, posteriors = 0.0, []
            for side, embeddings in enumerate(pair):
                mean, log_variance = vae.encode(embeddings, side)
                deviation = (0.5 * log_variance).exp()
                decoded = vae.decoder(mean + deviation * noise[side])
                loss = loss + (decoded - embeddings).square().sum(dim=1)
                kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
                loss = loss + settings["beta"] * kl.sum(dim=1)
                posteriors.append(torch.cat([mean, deviation], dim=1))
            distance = (posteriors[0] - posteriors[1]).norm(dim=1)
            loss = (loss - settings["gamma"] * distance).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
    return vae.eval()


@torch.no_grad()
def synthesise(
    vae: PlainVAE, chosen: Tensor, rejected: Tensor, scale: int, seed: int, settings: dict
) -> tuple[Tensor, Tensor]:
    """All k N pairs as embeddings, (chosen, rejected) [k N, d]."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "synthesis"))
    variants = compose(len(chosen), scale, derive_seed(seed, "compose"))
    rows = torch.arange(len(chosen))
    sides = []
    for side, originals in enumerate((chosen, rejected)):
        latents = draw_latents(
            *vae.encode(originals, side),
            keep=synthetic_per_embedding(scale),
            candidates_per_kept=settings["candidates_per_kept"],
            noise_variance=settings["noise_variance"],
            generator=generator,
        )
        known = torch.cat([originals.unsqueeze(1), vae.decoder(latents)], dim=1)
        sides.append(torch.cat([known[rows, variants[:, k, side]] for k in range(scale)]))
    return sides[0], sides[1]


def train_mlp(
    chosen: Tensor, rejected: Tensor, validation: tuple[Tensor, Tensor], seed: int, head: dict
) -> list[float]:
    """Validation losses by epoch of a reward MLP with early stopping."""
    torch.manual_seed(seed)
    hidden = head["hidden"]
    mlp = nn.Sequential(nn.Linear(chosen.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, 1))
    adam = torch.optim.Adam(mlp.parameters(), lr=head["learning_rate"])
    batches = loader(chosen, rejected, head["batch_size"], torch.Generator().manual_seed(seed))
    losses: list[float] = []
    for _ in range(head["epochs"]):
        for better, worse in batches:
            loss = -logsigmoid(mlp(better) - mlp(worse)).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
        with torch.no_grad():
            losses.append(-logsigmoid(mlp(validation[0]) - mlp(validation[1])).mean().item())
        if len(losses) - 1 - int(np.argmin(losses)) >= head["patience"]:
            break
    return losses


def train(
    data: dict[int, TrainingSet], *, scale: int, vae: dict, synthesis: dict, head: dict
) -> dict[int, list[float]]:
    """Validation losses of the reward model by seed, trained one after another."""
    found = {}
    for seed, part in data.items():
        chosen, rejected, *validation = map(
            torch.from_numpy,
            (part.chosen, part.rejected, part.validation_chosen, part.validation_rejected),
        )
        model = train_vae(chosen, rejected, derive_seed(seed, "vae"), vae)
        pairs = synthesise(model, chosen, rejected, scale, seed, synthesis)
        found[seed] = train_mlp(*pairs, tuple(validation), derive_seed(seed, "head"), head)
    return found
