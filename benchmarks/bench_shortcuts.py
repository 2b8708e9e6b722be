"""What each shortcut of training gains alone, over the plain formulation: it stays from 1.3x on.

    OMP_NUM_THREADS=1 python benchmarks/bench_shortcuts.py

- stacked: the seeds side by side, against ordinary modules and `torch.optim.Adam`, seed by seed.
- expanded error: |e - g(z)|^2 without writing g(z) out, against writing it out, as `lens` does;
  seeds stacked.
- factored batches: rewards of decoded pairs without writing them out, against writing them out;
  seeds stacked.

Ratios are of processor time, so that other processes hardly count; a few epochs speak for all.
"""

import argparse
import time
from functools import partial
from unittest.mock import patch

import torch
from bench_training import CONFIG, training_sets
from timing import seconds

from lens.core.seeds import derive_seed
from lens.latent import synthesis, vae
from lens.latent.vae import SIDES, VAE
from lens.reward import factored_batches, methods, mlp
from lens.reward.method import Given

SIZES, SCALE = (200, 1000), 8
NEVER = 10**9  # times as wide as the hidden layer: no embedding is


def train_vaes(data: dict, epochs: int) -> list[VAE]:
    return vae.train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=list(data),
        **CONFIG["vae"] | {"epochs": epochs},
    )


def train_expanded(data: dict, epochs: int) -> list[VAE]:
    with patch.object(VAE, "errors", expanded_errors):
        return train_vaes(data, epochs)


def expanded_errors(model: VAE, pairs: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """|e|^2 - 2 e.(W h + b) + |W h + b|^2 for the decoder's last layer W h + b."""
    features, layer = model.decoder_features(latents, "both")
    weight, bias = layer.weight, layer.bias.unsqueeze(-2)
    along = pairs @ weight - bias @ weight
    quadratic = ((features @ (weight.mT @ weight) - 2 * along) * features).sum(dim=-1)
    offset = bias.square().sum(dim=-1) - 2 * (pairs @ bias.mT).squeeze(-1)
    return pairs.square().sum(dim=-1) + quadratic + offset


def train_mlps(data: dict, vaes: dict, epochs: int, wide: int) -> None:
    head = CONFIG["reward"] | {"epochs": epochs}
    options = {"scale": SCALE, "settings": CONFIG["synthesis"], "head": head}
    with patch.object(factored_batches, "WIDE", wide):
        methods.train("lens", data, vaes=vaes, **options)


def plain_vaes(data: dict, epochs: int) -> None:
    """Seed by seed, as one would write it."""
    own = CONFIG["vae"]
    for seed, part in data.items():
        torch.manual_seed(seed)
        model = VAE(part.chosen.shape[1], own["hidden"], own["latent"], own["sharing"])
        adam = torch.optim.Adam(model.parameters(), lr=own["learning_rate"], fused=True)
        sides = [torch.from_numpy(getattr(part, side)) for side in SIDES]
        for _ in range(epochs):
            for rows in torch.randperm(len(part.chosen)).split(own["batch_size"]):
                pairs = torch.cat([side[rows] for side in sides])
                noise = torch.randn(len(pairs), own["latent"])
                terms = vae.loss_terms(model, pairs, noise)
                adam.zero_grad()
                terms.total(own["beta"], own["gamma"]).mean().backward()
                adam.step()


def plain_mlps(data: dict, vaes: dict, epochs: int) -> None:
    """Seed by seed, embeddings decoded batch by batch, the validation loss after each epoch."""
    head = CONFIG["reward"]
    for seed, part in data.items():
        sides = [torch.from_numpy(getattr(part, side)) for side in SIDES]
        drawn = derive_seed(seed, "synthesis")
        given = Given(part, SCALE, vaes[seed], CONFIG["synthesis"], drawn)
        source = methods.METHODS["lens"].make_source(given)
        count = len(part.chosen)
        variants = synthesis.compose(count, SCALE, seed)
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Linear(sides[0].shape[1], head["hidden"]),
            torch.nn.ReLU(),
            torch.nn.Linear(head["hidden"], 1),
        )
        adam = torch.optim.Adam(model.parameters(), lr=head["learning_rate"], fused=True)
        held = [torch.from_numpy(getattr(part, f"validation_{side}")) for side in SIDES]
        for _ in range(epochs):
            for batch in torch.randperm(count * SCALE).split(head["batch_size"]):
                rows = batch % count
                which = variants[rows, batch // count]
                pairs = torch.cat([source(side, rows, which[:, i]) for i, side in enumerate(SIDES)])
                chosen, rejected = model(pairs).squeeze(1).chunk(2)
                adam.zero_grad()
                mlp.bradley_terry_loss(chosen, rejected).mean().backward()
                adam.step()
            with torch.inference_mode():
                mlp.bradley_terry_loss(*(model(side) for side in held)).mean().item()


def gains(n_pairs: int, dim: int, runs: int, steps: int) -> dict[str, float]:
    """Plain over shortcut, for each of them; epochs of about `steps` steps in all."""
    data = training_sets(n_pairs, dim)
    epochs = max(1, round(steps / (n_pairs / 128)))
    few = max(1, round(steps / (SCALE * n_pairs / 128)))
    vaes = dict(zip(data, train_vaes(data, 1), strict=True))
    ways = {
        "stacked VAE": (
            partial(plain_vaes, data, epochs),
            partial(train_vaes, data, epochs),
        ),
        "stacked MLP": (
            partial(plain_mlps, data, vaes, few),
            partial(train_mlps, data, vaes, few, NEVER),
        ),
        "expanded error": tuple(partial(way, data, epochs) for way in (train_vaes, train_expanded)),
        "factored batches": tuple(
            partial(train_mlps, data, vaes, few, w) for w in (NEVER, factored_batches.WIDE)
        ),
    }
    found = {}
    for name, pair in ways.items():
        timed = [lambda warm, way=way: way() for way in pair]
        plain, short = seconds(runs, *timed, clock=time.process_time)
        found[name] = plain / short
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60, help="of a training, about")
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 576, 4096])
    args = parser.parse_args()
    torch.set_num_threads(1)
    for dim in args.dims:
        for n_pairs in SIZES:
            found = gains(n_pairs, dim, args.runs, args.steps)
            ratios = ", ".join(f"{name} {ratio:.2f}x" for name, ratio in found.items())
            print(f"d = {dim:,}, N = {n_pairs:,}: {ratios}", flush=True)
