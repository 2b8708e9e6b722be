"""What a way of training a reward model on embedded pairs is: `lens.reward.methods` lists them.

Functions import what they need themselves: the workflow reads that table, and must not wait for
torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
    alone and is there to compare with. `active`: whether the N pairs are chosen and not drawn at
    random (`lens.reward.design.active_rows`). `look` is colour, line and marker; `label` the name
    in tables and figures, `phrase` that within a sentence: by default both follow from `name`.
    """

    name: str
    label: str = ""
    phrase: str = ""
    look: tuple[str, str, str] = NO_LOOK
    augments: bool = True
    needs_vae: bool = False
    is_control: bool = False
    active: bool = False
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
        made = self.source is not None and self.compose is None
        return self.is_synthetic and made and not self.active

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


def mean_explained(trainings: Iterable[Mapping[str, Any]]) -> float | None:
    """The mean over metrics of trainings of the share of held-out variance that their VAEs explain;
    None where none has such a share."""
    shares = [metrics.get("vae_variance_explained") for metrics in trainings]
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None
