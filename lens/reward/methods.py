"""Every way of training a reward model on embedded pairs: one table, which all others read.

A new method is one entry of `METHODS` and one function. The config then accepts it, the workflow
runs it, and the tables and figures show it (CONTRIBUTING.md). Functions import what they need
themselves: the workflow reads this table, and must not wait for torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.core.seeds import derive_seed

if TYPE_CHECKING:
    from torch import Tensor

    from lens.latent.synthesis import Source
    from lens.latent.vae import VAE
    from lens.reward.training_set import Training, TrainingSet

NO_LOOK = ("#999999", "-", ".")


@dataclass(frozen=True)
class Given:
    """What synthetic pairs of one seed are made of.

    `scale` counts pairs in training per labelled pair; `vae` is there for methods that need one;
    `settings` is the section `synthesis` of the configuration.
    """

    data: TrainingSet
    scale: int
    vae: VAE | None
    settings: Mapping[str, Any]
    seed: int

    @property
    def chosen(self) -> Tensor:
        """Standardised embeddings [n, d]."""
        import torch

        return torch.from_numpy(self.data.chosen)

    @property
    def rejected(self) -> Tensor:
        """Standardised embeddings [n, d]."""
        import torch

        return torch.from_numpy(self.data.rejected)

    def trained_vae(self) -> VAE:
        """The VAE; LensError without one."""
        if self.vae is None:
            raise LensError("decoding latents needs a VAE: give the method `needs_vae=True`.")
        return self.vae


@dataclass(frozen=True)
class Method:
    """A method, with one of three functions that say how it trains.

    `source` makes synthetic embeddings for the reward MLP (see `lens.latent.synthesis`), and
    `compose` (count, scale, seed) says which of them make up the pairs, as `synthesis.compose` does
    by default; `probe` fits a reward to one training set; `trainer` takes what `train` takes.

    `augments`: whether it has scales above 1. `is_control`: whether it trains on the labelled pairs
    alone and is there to compare with. `look` is colour, line and marker; `label` the name in
    tables and figures, `phrase` the name within a sentence: by default both follow from `name`.
    """

    name: str
    label: str = ""
    phrase: str = ""
    look: tuple[str, str, str] = NO_LOOK
    augments: bool = True
    needs_vae: bool = False
    is_control: bool = False
    source: Callable[[Given], Source] | None = None
    compose: Callable[[int, int, int], Tensor] | None = None
    probe: Callable[[TrainingSet], Training] | None = None
    trainer: Callable[..., dict[int, Training]] | None = None

    def __post_init__(self) -> None:
        words = self.name.replace("_", " ")
        object.__setattr__(self, "label", self.label or words.capitalize())
        object.__setattr__(self, "phrase", self.phrase or words)

    @property
    def is_synthetic(self) -> bool:
        """Whether the recipe trains on synthetic pairs."""
        return self.augments and not self.is_control

    @property
    def keeps_responses(self) -> bool:
        """Whether each synthetic embedding belongs to one response: the inspector compares them."""
        return self.is_synthetic and self.source is not None and self.compose is None

    def make_source(self, given: Given) -> Source:
        """The method's embeddings; LensError if it has none to make."""
        if self.source is None:
            raise LensError(f"method {self.name} makes no embeddings: it has no `source`.")
        return self.source(given)

    def train(
        self,
        data: Mapping[int, TrainingSet],
        *,
        scale: int,
        vaes: Mapping[int, VAE],
        settings: Mapping[str, Any],
        head: dict[str, Any],
    ) -> dict[int, Training]:
        """Trains the reward models of one scale, one for each seed in `data`.

        `vaes` holds each seed's VAE where the method needs one; `settings` is the section
        `synthesis` of the configuration, `head` goes to `train_mlps`. Everything random follows the
        seed; initial weights and the order of triplets do not depend on the method, so that methods
        can be compared seed by seed.
        """
        if not self.augments and scale != 1:
            raise LensError(
                f"method {self.name} adds no pairs, so its scale is 1. Larger scales of the "
                "original pairs are called repeat."
            )
        if self.probe:
            return {seed: self.probe(part) for seed, part in data.items()}
        if self.trainer:
            return self.trainer(data, scale=scale, vaes=vaes, settings=settings, head=head)

        from lens.files import cost
        from lens.latent import synthesis
        from lens.reward.mlp import Run, train_mlps

        compose, runs = self.compose or synthesis.compose, []
        with cost.part("drawing"):
            for seed, part in data.items():
                drawn = derive_seed(seed, "synthesis")
                given = Given(part, scale, vaes.get(seed), settings, drawn)
                composition = compose(len(part.chosen), scale, derive_seed(seed, "compose"))
                start = derive_seed(seed, "head")
                runs.append(Run(part, self.make_source(given), composition, start))
        trained = dict(zip(data, train_mlps(runs, **head), strict=True))
        for run, training in zip(runs, trained.values(), strict=True):
            if isinstance(run.source, synthesis.Decoded):
                training.metrics["vae_variance_explained"] = explained(run.source.vae, run.data)
        return trained


def explained(vae: VAE, data: TrainingSet) -> float | None:
    """The share of the variance of held-out embeddings that the VAE's reconstructions explain."""
    from lens.latent.vae import diagnose

    held_out = data.validation_chosen, data.validation_rejected
    return diagnose(vae, *held_out)["variance_explained"]


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
PROBES = tuple(name for name, method in METHODS.items() if method.probe)


def named(name: str) -> Method:
    """The method of this name; LensError if there is none."""
    if name not in METHODS:
        raise LensError(f"method {name!r} is none of {', '.join(METHODS)}.")
    return METHODS[name]


def train(name: str, data: Mapping[int, TrainingSet], **options: Any) -> dict[int, Training]:
    """What `Method.train` makes of these data and options, for the method of this name."""
    return named(name).train(data, **options)
