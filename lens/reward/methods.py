"""Every way of training a reward model on embedded pairs: one table, which all others read.

A new method is one entry of `METHODS` and one function. The config then accepts it, the workflow
runs it, and the tables and figures show it (CONTRIBUTING.md). Functions import what they need
themselves: the workflow reads this table, and must not wait for torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.reward.method import Given, Method

if TYPE_CHECKING:
    from torch import Tensor

    from lens.latent.synthesis import Source
    from lens.latent.vae import VAE
    from lens.reward.training_set import Training, TrainingSet


def originals(given: Given) -> Source:
    from lens.latent import synthesis

    return synthesis.originals(given.chosen, given.rejected)


def decoded(given: Given, *, alone: bool = False) -> Source:
    """Latents near the posteriors of the pairs, decoded (Section 3.2)."""
    return _decoded(given, given.trained_vae(), alone=alone)


def decoded_converged(given: Given) -> Source:
    """The same with a VAE of its own, trained until convergence (B.5.2)."""
    names = ("learning_rate", "epochs", "patience")
    settings = {name: given.settings[f"converged_{name}"] for name in names}
    train = Converged(derive_seed(given.seed, "converged"), **settings)
    return _decoded(given, given.data.once(train))


@dataclass(frozen=True)
class Converged:
    """Trains the converged VAE of a training set. Equal ones train the same VAE, so that scales may
    share it (`TrainingSet.once`)."""

    seed: int
    learning_rate: float
    epochs: int
    patience: int

    def __call__(self, data: TrainingSet) -> VAE:
        from lens.latent.converged import train_converged

        return train_converged(data.chosen, data.rejected, **asdict(self))


def _decoded(given: Given, vae: VAE, *, alone: bool = False) -> Source:
    from lens.latent import synthesis

    latents = synthesis.lens_latents(
        vae,
        given.chosen,
        given.rejected,
        keep=synthesis.synthetic_per_embedding(given.scale, alone=alone),
        candidates_per_kept=given.settings["candidates_per_kept"],
        noise_variance=given.settings["noise_variance"],
        seed=given.seed,
    )
    return synthesis.Decoded(vae, given.chosen, given.rejected, latents)


def decoded_alone(given: Given) -> Source:
    return decoded(given, alone=True)


def compose_synthetic(count: int, scale: int, seed: int) -> Tensor:
    from lens.latent import synthesis

    return synthesis.compose_synthetic(count, scale, seed)


def direct_perturbation(given: Given) -> Source:
    from lens.latent import synthesis

    variance, sides = given.settings["perturbation_variance"], (given.chosen, given.rejected)
    return synthesis.direct_perturbation(*sides, noise_variance=variance, seed=given.seed)


def gaussian_sampling(given: Given) -> Source:
    from lens.latent import synthesis

    return synthesis.gaussian_sampling(given.chosen, given.rejected, seed=given.seed)


def mean_difference(data: TrainingSet) -> Training:
    from lens.reward import probes

    return probes.mean_difference(data)


def linear_probe(data: TrainingSet) -> Training:
    from lens.reward import probes

    return probes.linear_probe(data)


def evidence_probe(data: TrainingSet) -> Training:
    from lens.reward import evidence

    return evidence.evidence_probe(data)


def evidence_network(data: TrainingSet) -> Training:
    from lens.reward import tangent

    return tangent.evidence_network(data)


def lens_plus(
    data: Mapping[int, TrainingSet],
    *,
    scale: int,
    vaes: Mapping[int, VAE],
    settings: Mapping[str, Any],
    head: dict[str, Any],
) -> dict[int, Training]:
    from lens.reward import lens_plus

    return lens_plus.train(data, scale=scale, noise=settings["complement_noise"], head=head)


def active(method: Method) -> Method:
    """The same on pairs that are chosen (`lens.reward.design.active_rows`) and not drawn."""
    return replace(
        method,
        name=f"active_{method.name}",
        label=f"Active: {method.label}",
        phrase=f"{method.phrase} on chosen pairs",
        look=(method.look[0], ":", "<"),
        active=True,
    )


METHODS = {
    method.name: method
    for method in (
        Method(
            "original",
            phrase="original pairs",
            look=("#000000", "-", "o"),
            augments=False,
            is_control=True,
            source=originals,
        ),
        Method(
            "repeat",
            label="Repeat (control)",
            look=("#666666", "--", "s"),
            is_control=True,
            source=originals,
        ),
        Method(
            "lens",
            label="LENS",
            phrase="LENS",
            look=("#D55E00", "-", "D"),
            needs_vae=True,
            source=decoded,
        ),
        Method(
            "lens_converged",
            label="LENS, converged VAE",
            phrase="LENS with a converged VAE",
            look=("#A6761D", "-", "v"),
            source=decoded_converged,
        ),
        Method(
            "synthetic_only",
            label="LENS, synthetic alone",
            look=("#D55E00", ":", "d"),
            needs_vae=True,
            source=decoded_alone,
            compose=compose_synthetic,
        ),
        Method("direct_perturbation", look=("#0072B2", "-.", "^"), source=direct_perturbation),
        Method("gaussian_sampling", look=("#56B4E9", ":", "v"), source=gaussian_sampling),
        Method(
            "mean_difference",
            label="Mean-difference probe",
            look=("#009E73", "--", "P"),
            augments=False,
            probe=mean_difference,
        ),
        Method("linear_probe", look=("#CC79A7", "-.", "X"), augments=False, probe=linear_probe),
        Method("evidence_probe", look=("#7B3294", ":", "p"), augments=False, probe=evidence_probe),
        Method(
            "evidence_network", look=("#1B7837", "--", "h"), augments=False, probe=evidence_network
        ),
        Method(
            "lens_plus",
            label="LENS+",
            phrase="LENS+",
            look=("#E69F00", "-", "*"),
            trainer=lens_plus,
        ),
    )
}
METHODS |= {
    method.name: method
    for method in map(active, list(METHODS.values()))
    if method.name in ("active_original", "active_repeat", "active_lens", "active_lens_plus")
}
PROBES = tuple(name for name, method in METHODS.items() if method.probe)


def named(name: str) -> Method:
    """The method of this name; LensError if there is none."""
    if name not in METHODS:
        raise LensError(f"method {name!r} is none of {', '.join(METHODS)}.")
    return METHODS[name]


def train(name: str, data: Mapping[int, TrainingSet], **options: Any) -> dict[int, Training]:
    """What `Method.train` makes of these data and options, for the method of this name."""
    return named(name).train(data, **options)
