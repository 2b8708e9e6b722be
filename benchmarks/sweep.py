"""Where does LENS pay? One setting at a time, around both readings of its VAE.

    python benchmarks/sweep.py --set NAME FOLDER --n-pairs 300 700 --seeds 8 --first-seed 2000 \\
        --out-dir sweep
    python benchmarks/sweep_report.py sweep/sweep.csv --out-dir sweep

Splits, draws, controls and the scale are those of study.py. `lens` is the published VAE,
`lens_converged` that whose sizes, beta and length of training follow from the embeddings. Changes:

- settings of the VAE; for `lens_converged` its latent and hidden units and its beta are multiples
  of what the rules say;
- composition: of a pair's own embeddings (the default), of synthetic ones alone, or across pairs
  (Eq. 8 read literally: any chosen with any rejected embedding, original or synthetic);
- selection of the latents that are kept: by the posterior (the default), by the prior, or none;
- a centred head.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import study
import torch
from torch import Tensor

from lens.core.progress import Bar
from lens.core.seeds import derive_seed
from lens.files import artifacts
from lens.language import loading
from lens.latent import synthesis
from lens.latent.converged import Sizes, choose_sizes, train_converged
from lens.latent.vae import VAE, diagnose, sample, train_vaes
from lens.reward.method import Given, Method
from lens.reward.methods import compose_synthetic
from lens.reward.training_set import TrainingSet

SCALE = 8
CONTROLS = ("repeat", "repeat, centred", "mean difference", "linear probe", "evidence probe")
LENS, CONVERGED = "lens", "lens_converged"


@dataclass(frozen=True)
class Change:
    """What is unlike the base: settings of the VAE, how pairs are composed (`own`, `alone`,
    `across`), how latents are selected (`posterior`, `prior`, `none`), and the head's settings."""

    vae: dict = field(default_factory=dict)
    compose: str = "own"
    select: str = "posterior"
    head: dict = field(default_factory=dict)


LATER = {
    "synthetic pairs alone": Change(compose="alone"),
    "across pairs": Change(compose="across"),
    "selected by prior": Change(select="prior"),
    "no selection": Change(select="none"),
    "centred head": Change(head=study.CENTRED),
}
CHANGES = {
    LENS: {
        "as published": Change(),
        "300 epochs": Change({"epochs": 300}),
        "learning rate 1e-3": Change({"learning_rate": 1e-3}),
        "beta 0.1": Change({"beta": 0.1}),
        "beta 0.01": Change({"beta": 0.01}),
        "latent 4": Change({"latent": 4}),
        "latent 64": Change({"latent": 64}),
        "hidden 256": Change({"hidden": 256}),
    }
    | LATER,
    CONVERGED: {
        "by its rules": Change(),
        "learning rate 3e-3": Change({"learning_rate": 3e-3}),
        "100 epochs at most": Change({"epochs": 100}),
        "beta / 10": Change({"beta": 0.1}),
        "beta x 10": Change({"beta": 10.0}),
        "latent / 4": Change({"latent": 0.25}),
        "hidden / 4": Change({"hidden": 0.25}),
    }
    | LATER,
}


def sizes(latent: float, hidden: float, beta: float, *parts: np.ndarray) -> Sizes:
    """Multiples of what the rules say of the two parts of the embeddings."""
    by_rule = choose_sizes(*parts)
    return replace(
        by_rule,
        latent=max(1, round(latent * by_rule.latent)),
        hidden=max(1, round(hidden * by_rule.hidden)),
        beta=beta * by_rule.beta,
    )


def trained(base: str, changes: dict, data: dict[int, TrainingSet]) -> dict[int, VAE]:
    """Each seed's VAE."""
    if base == LENS:
        sides = [(part.chosen, part.rejected) for part in data.values()]
        seeds = [derive_seed(seed, "vae") for seed in data]
        return dict(zip(data, train_vaes(sides, seeds=seeds, **study.VAE | changes), strict=True))
    multiples = {name: changes.get(name, 1.0) for name in ("latent", "hidden", "beta")}
    options = {
        name: changes.get(name, study.SYNTHESIS[f"converged_{name}"])
        for name in ("learning_rate", "epochs", "patience")
    }
    choose = partial(sizes, *multiples.values())
    return {  # seeds as those of the method `lens_converged`
        seed: train_converged(
            part.chosen,
            part.rejected,
            seed=derive_seed(derive_seed(seed, "synthesis"), "converged"),
            choose=choose,
            **options,
        )
        for seed, part in data.items()
    }


@torch.inference_mode()
def by_prior(vae: VAE, sides: dict[str, Tensor], keep: int, settings, seed: int):
    """As `synthesis.lens_latents`, but the candidates that the prior finds most likely are kept."""
    generator, kept = torch.Generator().manual_seed(seed), {}
    for side, embeddings in sides.items():
        mean, log_variance = vae.encode(embeddings, side)
        z = sample(mean, log_variance, torch.randn(mean.shape, generator=generator))
        shape = (len(z), keep * settings["candidates_per_kept"], z.shape[1])
        noise = settings["noise_variance"] ** 0.5 * torch.randn(shape, generator=generator)
        origin = torch.zeros_like(mean)
        kept[side] = synthesis.most_likely(z.unsqueeze(1) + noise, origin, origin, keep)
    return kept


def decoded(change: Change, given: Given) -> synthesis.Source:
    """The source of a change's embeddings, from the seed's VAE."""
    vae, keep = (
        given.trained_vae(),
        synthesis.synthetic_per_embedding(given.scale, alone=change.compose == "alone"),
    )
    sides = {"chosen": given.chosen, "rejected": given.rejected}
    if change.select == "prior":
        latents = by_prior(vae, sides, keep, given.settings, given.seed)
    else:
        candidates = {"posterior": given.settings["candidates_per_kept"], "none": 1}
        latents = synthesis.lens_latents(
            vae,
            given.chosen,
            given.rejected,
            keep=keep,
            candidates_per_kept=candidates[change.select],
            noise_variance=given.settings["noise_variance"],
            seed=given.seed,
        )
    source = synthesis.Decoded(vae, given.chosen, given.rejected, latents)
    if change.compose == "across":
        return across(source, len(given.chosen), given.scale, given.seed)
    return source


def across(inner: synthesis.Source, count: int, scale: int, seed: int) -> synthesis.Source:
    """A source for `compose_across`: the rejected embedding of a triplet's later pairs is that of
    another, random triplet."""
    rng, width = np.random.default_rng(seed), 1 + synthesis.synthetic_per_embedding(scale)
    order = [np.arange(count), *(rng.permutation(count) for _ in range(scale - 1))]
    others = torch.from_numpy(np.stack(order))

    def source(side: str, rows: Tensor, variants: Tensor) -> Tensor:
        moved = others[variants // width, rows] if side == "rejected" else rows
        return inner(side, moved, variants % width)

    return source


def compose_across(count: int, scale: int, seed: int) -> Tensor:
    """As `synthesis.compose`, with any two variants; the number of the pair times their number is
    added, by which `across` knows it."""
    width = 1 + synthesis.synthetic_per_embedding(scale)
    drawn = np.random.default_rng(seed).integers(width, size=(count, scale, 2))
    drawn[:, 0] = 0
    return torch.from_numpy(drawn + width * np.arange(scale)[:, None])


COMPOSE: dict[str, Callable[[int, int, int], Tensor] | None] = {
    "own": None,
    "alone": compose_synthetic,
    "across": compose_across,
}


def explained(vae: VAE, data: TrainingSet, embeddings, test: np.ndarray) -> float:
    """Share of the variance of the test pairs' embeddings."""
    sides = (data.standardiser(embeddings[side][test]) for side in ("chosen", "rejected"))
    return diagnose(vae, *sides)["variance_explained"]


def measure(pairs, embeddings, changes: dict, n_pairs: int, seeds: range) -> pd.DataFrame:
    """A row for each control or change and seed: accuracy and held-out variance explained."""
    controls = {name: study.MAIN[name] for name in CONTROLS}
    found = study.measure(pairs, embeddings, controls, n_pairs, SCALE, seeds)
    rows = found.assign(base="control")[["base", "variant", "seed", "accuracy"]].to_dict("records")
    data, tests = study.draw(pairs, embeddings, n_pairs, seeds)
    for base, of_base in changes.items():
        vaes: dict[str, dict[int, VAE]] = {}
        for name, change in Bar(of_base.items(), desc=base, unit="change", leave=False):
            key = str(sorted(change.vae.items()))
            if key not in vaes:
                vaes[key] = trained(base, change.vae, data)
            source, compose = partial(decoded, change), COMPOSE[change.compose]
            rewards = Method("sweep", needs_vae=True, source=source, compose=compose).train(
                data,
                scale=SCALE,
                vaes=vaes[key],
                settings=study.SYNTHESIS,
                head=study.HEAD | change.head,
            )
            rows += [
                {
                    "base": base,
                    "variant": name,
                    "seed": seed,
                    "accuracy": study.accuracy(one.weights, data[seed], embeddings, tests[seed]),
                    "explained": explained(vaes[key][seed], data[seed], embeddings, tests[seed]),
                }
                for seed, one in rewards.items()
            ]
    return pd.DataFrame(rows).assign(n_pairs=n_pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs="+", action="append", required=True, metavar="NAME FOLDER")
    parser.add_argument("--n-pairs", type=int, nargs="+", default=[300])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--changes", nargs="+", help="only these of each base, by name")
    parser.add_argument("--out-dir", default="results/sweep")
    args = parser.parse_args()
    loading.set_threads(1)
    changes = {
        base: {name: one for name, one in known.items() if name in (args.changes or known)}
        for base, known in CHANGES.items()
    }
    seeds, tables = range(args.first_seed, args.first_seed + args.seeds), []
    out = Path(args.out_dir) / "sweep.csv"
    for name, *files in args.set:
        pairs, embeddings = study.join(name, files)
        for n_pairs in args.n_pairs:
            if n_pairs > study.LARGEST * len(pairs):
                print(f"{name}: too few pairs for N = {n_pairs:,}", flush=True)
                continue
            found = measure(pairs, embeddings, changes, n_pairs, seeds)
            tables.append(found.assign(set=name))
            artifacts.write_table(out, pd.concat(tables))
            print(f"{name}, N = {n_pairs:,}: {out}", flush=True)


if __name__ == "__main__":
    main()
