"""A recipe: a method and its scale, trained on any pairs at the published settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from lens.core import diagnostics
from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.latent.settings import SynthesisSettings, VaeSettings
from lens.latent.vae import VAE, diagnose, train_vaes
from lens.reward import methods
from lens.reward.head import RewardHead
from lens.reward.method import mean_explained
from lens.reward.settings import HeadSettings, TrainingSettings
from lens.reward.training_set import TrainingSet

VALIDATION = TrainingSettings.model_validate({}).validation_fraction
VAE_SETTINGS = VaeSettings.model_validate({}).model_dump()
SYNTHESIS_SETTINGS = SynthesisSettings.model_validate({}).model_dump()
HEAD_SETTINGS = HeadSettings.model_validate({}).model_dump()
CONTROLLED = ("mean_difference", "linear_probe", "evidence_probe")


@dataclass(frozen=True)
class Recipe:
    """`method` is one of `methods.METHODS`; `scale` is the number of training pairs per labelled
    pair, 1 for the original pairs and the probes. With `labels` "soft" it trains on the
    probabilities that the chosen answers are better, and on ties. With `covariate` "length" the
    difference in length is an additional input that the reward ignores. LensError for impossible
    combinations."""

    method: str
    scale: int = 1
    labels: str = "hard"
    covariate: str = ""

    def __post_init__(self) -> None:
        method = methods.named(self.method)
        if method.active:
            plain = self.method.removeprefix("active_")
            raise LensError(
                f"method {self.method} chooses among pairs that all have labels, in the workflow "
                f"alone. Choose which to label with `lens next`, then train with --method {plain}."
            )
        scaled = method.augments
        if scaled and self.scale < 2:
            raise LensError(f"method {self.method} needs a scale of 2 or more, 4 for instance.")
        if not scaled and self.scale != 1:
            raise LensError(f"method {self.method} trains on the pairs as they are: no scale.")
        if self.covariate and self.method not in CONTROLLED:
            raise LensError(
                f"method {self.method} cannot control for {self.covariate}: a network finds it "
                f"again in the embedding. Take a linear one: --method {CONTROLLED[-1]}."
            )

    def __str__(self) -> str:
        name = methods.METHODS[self.method].phrase
        name = f"{name} {self.scale}x" if self.scale > 1 else name
        name = f"{name}, soft" if self.labels == "soft" else name
        return f"{name}, {self.covariate} controlled" if self.covariate else name

    def as_dict(self) -> dict:
        """The fields as JSON values, for `Recipe(**fields)`; `labels` only if soft, `covariate`
        only if set."""
        fields = {"method": self.method, "scale": self.scale}
        fields |= {"labels": self.labels} if self.labels != "hard" else {}
        return fields | ({"covariate": self.covariate} if self.covariate else {})

    @property
    def needs_vae(self) -> bool:
        """Whether the recipe needs a VAE."""
        return methods.METHODS[self.method].needs_vae

    @property
    def synthetic(self) -> bool:
        """Whether it trains on pairs that nobody labelled."""
        return methods.METHODS[self.method].is_synthetic

    @property
    def control(self) -> "Recipe":
        """The recipe's control: the original pairs, repeated `scale` times."""
        method = "repeat" if self.scale > 1 else "original"
        return Recipe(method, self.scale, self.labels)


def train_seed_vaes(data: Mapping[int, TrainingSet]) -> dict[int, VAE]:
    """Trains one contrastive VAE per seed, for recipes that decode latents."""
    trained = train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=[derive_seed(seed, "vae") for seed in data],
        **VAE_SETTINGS,
    )
    return dict(zip(data, trained, strict=True))


def vae_flags(data: Mapping[int, TrainingSet], vaes: Mapping[int, VAE]) -> list[dict]:
    """The flags of the seeds' VAEs, as dicts for metrics files; each flag once."""
    details: dict[str, list[str]] = {}
    for seed, vae in vaes.items():
        diagnosis = diagnose(vae, data[seed].chosen, data[seed].rejected)
        for flag, detail in diagnostics.vae_flags(diagnosis):
            details.setdefault(flag, []).append(detail)
    return diagnostics.named(
        (flag, same[0] + f" ({len(same)} of {len(vaes)} VAEs)" * (len(vaes) > 1))
        for flag, same in details.items()
    )


def train(
    recipe: Recipe, data: Mapping[int, TrainingSet], vaes: Mapping[int, VAE] | None = None
) -> dict[int, RewardHead]:
    """The recipe's reward model of each seed in `data`; VAEs are trained unless given."""
    return train_explained(recipe, data, vaes)[0]


def train_explained(
    recipe: Recipe, data: Mapping[int, TrainingSet], vaes: Mapping[int, VAE] | None = None
) -> tuple[dict[int, RewardHead], float | None]:
    """As `train`, with the share of held-out variance that the VAEs explain, mean over seeds; None
    for recipes without a VAE."""
    if recipe.needs_vae and vaes is None:
        vaes = train_seed_vaes(data)
    trainings = methods.train(
        recipe.method,
        data,
        scale=recipe.scale,
        vaes=vaes or {},
        settings=SYNTHESIS_SETTINGS,
        head=HEAD_SETTINGS,
    )
    heads = {
        seed: RewardHead(training.weights, data[seed].standardiser)
        for seed, training in trainings.items()
    }
    return heads, mean_explained(training.metrics for training in trainings.values())
