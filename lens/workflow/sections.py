"""Sections of the config: what is compared, on which data, with which models."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lens.core.settings import Batches, Count, Seed, Settings, Unique, matching
from lens.data.settings import PairsSettings, PoolSettings
from lens.language.settings import EmbeddingSettings, GenerationSettings, LoadSettings
from lens.latent.settings import VaeSettings
from lens.reward.methods import METHODS
from lens.reward.settings import HeadSettings
from lens.theory.settings import BoundsSettings
from lens.world.settings import (
    BaseModelSettings,
    BenchSettings,
    GoldModelSettings,
    TextsSettings,
)

PLAIN = "a name begins with a letter or digit and holds letters, digits, _, . and -, 64 at most"


def _no_pool(name: str) -> str:
    if name == "pool":
        raise ValueError("is taken: it means candidates from a file. Choose another name")
    return name


Plain = Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", PLAIN)]
Name = Annotated[Plain, AfterValidator(_no_pool)]
Scale = Annotated[int, Field(ge=2)]
N = Annotated[int, Field(ge=20)]
Names = Annotated[list[Name], Field(min_length=1), Unique]
Sizes = Annotated[list[N], Field(min_length=1), Unique]
Scales = Annotated[list[Scale], Field(min_length=1), Unique]
Values = Annotated[list[Annotated[int | float, Field(ge=0)]], Field(min_length=1), Unique]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=3), Unique]
Gpus = Annotated[int, Field(ge=0, description="GPUs that a job with this model needs.")]
Memory = Annotated[int, Field(ge=1, description="Main memory in MB that a job needs.")]


def one_of(names: Iterable[str]) -> AfterValidator:
    """Refuses other texts; docs/config.md lists `check.known`."""
    known = list(names)

    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"is none of {', '.join(known)}")
        return value

    check.known = known  # type: ignore[attr-defined]
    return AfterValidator(check)


Method = Annotated[str, one_of(METHODS)]
InspectedMethod = Annotated[
    str, one_of(name for name, method in METHODS.items() if method.keeps_responses)
]


def holding(*required: object) -> AfterValidator:
    """Refuses lists that lack one of the items."""

    def check(values: list) -> list:
        for item in required:
            if item not in values:
                raise ValueError(f"does not contain {item!r}")
        return values

    return AfterValidator(check)


USUAL_MEMORY = 16000  # MB
Sharing = Literal["share_everything", "shared_trunk_separate_heads", "separate_everything"]


class Compare(Settings):
    """What Table 1 compares; names refer to the sections below."""

    datasets: Names = Field(description="Datasets to run.")
    models: Names = Field(description="Embedding models to run.")
    methods: Annotated[list[Method], Unique, holding("original", "repeat")] = Field(
        description="Rows of Table 1, by their names in `lens.reward.methods`. `original` and "
        "`repeat` are the controls and always run."
    )
    scales: Scales = Field(
        description="Augmentation scales k beyond 1; training sees k pairs for each original one."
    )
    n_pairs: Sizes = Field(description="Labelled pairs N to spend; one block of Table 1 each.")
    paper_n_pairs: Count = Field(
        1000,
        description="The N that stands for the paper's 1,000 pairs, so that its numbers are "
        "shown next to ours.",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), Unique] = Field(
        description="Seeds; pairs drawn, VAE, synthesis and reward model all follow them. With one "
        "alone, intervals do not cover other seeds."
    )


class LearningCurve(Settings):
    """What is reached without augmentation."""

    n_pairs: Sizes = Field(description="Labelled pairs N along the curve.")


class Table4(Settings):
    """Where all of compare.models are compared, in text where `textual` has them (Table 4)."""

    dataset: Name = Field(description="One of compare.datasets.")
    scale: Scale = Field(description="One of compare.scales.")


class RewardBench(Settings):
    """Where reward models are judged on RewardBench 1, or on rows of its form."""

    dataset: Name = Field(description="One of compare.datasets.")
    model: Name = Field(description="One of compare.models.")
    scale: Scale = Field(
        description="One of compare.scales, of LENS, of text and of their controls."
    )
    section: Annotated[
        str,
        matching(
            r"[A-Za-z0-9][A-Za-z0-9 _.+()-]{0,63}",
            "should begin with a letter or digit and hold letters, digits, spaces and _.+()-, 64 "
            "at most",
        ),
    ] = Field(
        description="The section reported; a subset outside RewardBench's sections is its own."
    )
    path: str | None = Field(
        None,
        description="Local file with its rows; null takes allenai/reward-bench from the Hub.",
    )
    revision: str | None = Field(None, description="Hub revision; pin a commit.")


class Dataset(Settings):
    """A preference dataset."""

    paper_name: Literal["hh_rlhf", "tldr"] | None = Field(
        None,
        description="Dataset of the paper that this one stands for, whose numbers are shown "
        "next to ours.",
    )
    pairs: PairsSettings
    pool: PoolSettings | None = None


class Model(Settings):
    """An embedding model; one with `generation` also answers the test prompts."""

    paper_name: (
        Literal[
            "gemma-2b",
            "llama-3.2-3b",
            "mistral-7b",
            "qwen-2.5-7b",
            "llama-3.1-8b",
            "qwen-2.5-14b",
        ]
        | None
    ) = Field(None, description="Model of the paper that this one stands for.")
    gpu: Gpus
    mem_mb: Memory = USUAL_MEMORY
    load: LoadSettings
    embedding: EmbeddingSettings
    generation: GenerationSettings | None = None
    candidates_from: Name | None = Field(
        None, description="Filled in for the layers of a sweep: the model whose answers they judge."
    )


class Gold(Batches):
    """The gold reward model that judges candidates; it never trains anything."""

    gpu: Gpus
    mem_mb: Memory = USUAL_MEMORY
    load: LoadSettings = Field(
        description="A sequence classifier with one label, or a folder that `lens fit` saved, of "
        "which `model` and `device` are read alone: texts are put to it as in its training."
    )


class Split(Settings):
    """How a stage's work is split."""

    jobs: Count = Field(description="Jobs; their number changes no result.")
    flush: Count = Field(
        description="Rows per saved block; they are batched together, so other numbers may "
        "change the last digits."
    )


class Shards(Settings):
    """Jobs that the work of large models is split into, each resumed where it was stopped."""

    embedding: Split = Field(description="Embedding pairs, candidates and responses; rows.")
    generation: Split = Field(description="Sampling candidates and responses; prompts.")
    gold: Split = Field(description="Scores by the gold model, and by the annotator; rows.")


class Sweeps(Settings):
    """The ablations of the paper and its reviews; LENS with one setting varied."""

    dataset: Name = Field(description="Dataset of all sweeps.")
    model: Name = Field(description="Embedding model of all sweeps.")
    scale: Scale = Field(description="Augmentation scale, where it is not what varies.")
    gamma: Values = Field(description="Weights of the distance (Figure 2a).")
    noise_variance: Values = Field(description="Variances of the latent noise (Figure 2b).")
    beta: Values = Field(description="Weights of the KL term (Figure 4a).")
    sharing: Annotated[list[Sharing], Field(min_length=1), Unique] = Field(
        description="What the VAE shares between preferred and rejected embeddings (Table 5)."
    )
    layers: Annotated[list[Annotated[int, Field(ge=-1)]], Field(min_length=1), Unique] = Field(
        description="Layers that embeddings are taken from: i after block i, -1 the last."
    )
    scales: Scales = Field(description="Augmentation scales.")
    n_pairs: Sizes = Field(description="Labelled pairs N (Figure 2c and large N).")
    text_n_pairs: Annotated[list[N], Unique] = Field(
        description="Those of them at which full fine-tuning on text is trained as well."
    )


class Theory(BoundsSettings):
    """The constants of Theorem 2 (B.5), from trainings on growing subsets."""

    n_pairs: Sizes = Field(
        description="Subset sizes; those below all training pairs are used and all of them added."
    )
    scales: Annotated[list[Scale], Unique, holding(2)] = Field(
        description="Augmentation scales whose errors are measured; 2 is needed for B0."
    )
    seeds: Seeds = Field(description="One run for each; at least three.")
    mem_mb: Memory = USUAL_MEMORY
    vae: VaeSettings = Field(VaeSettings(), description="What differs from the section `vae`.")
    reward: HeadSettings = Field(
        HeadSettings(), description="What differs from the section `reward`."
    )


class Inspection(Settings):
    """What Figure 3, the inspector of synthetic embeddings and the qualitative examples look at."""

    dataset: Name | None = Field(None, description="A compared dataset; by default the first.")
    model: Name | None = Field(None, description="A compared model; by default the first.")
    n_pairs: N | None = Field(
        None, description="Labelled pairs N; by default the first N compared."
    )
    scale: Scale | None = Field(
        None, description="Augmentation scale; by default the largest compared."
    )
    seed: Seed | None = Field(None, description="A compared seed; by default the first.")
    methods: Annotated[list[InspectedMethod], Unique, holding("lens")] = Field(
        description="Whose synthetic embeddings are inspected; examples are pairs of the first."
    )


class PlannedTexts(Settings):
    """Lengths in tokens and numbers of rows of a dataset."""

    prompt: float = Field(gt=0, description="Mean prompt with its chat template.")
    answer: float = Field(gt=0, description="Mean answer of the dataset.")
    written: float = Field(gt=0, description="Mean answer of a model.")
    pairs: Count = Field(description="Pairs that the source has, before max_train_pairs.")
    test_pairs: Count | None = Field(
        None, description="Pairs of a separate test split, before max_test_pairs."
    )
    pool_prompts: Count | None = Field(None, description="Prompts of a pool.")


class Plan(Settings):
    """What `lens plan` assumes of texts and training that it has not seen; see docs/plan.md."""

    texts: Annotated[dict[str, PlannedTexts], holding("other")] = Field(
        description="Of each dataset, by name: lengths in tokens and numbers of rows; `other` "
        "where it is not named."
    )
    world_length: float = Field(
        gt=0, description="Mean text that the offline world's models are trained on."
    )
    bench_pairs: Count = Field(description="Pairs of RewardBench.")
    reward_steps: Count = Field(
        description="Steps after which early stopping ends a reward model's training."
    )


class World(Settings):
    """The offline world, built by rules into ordinary files."""

    texts: TextsSettings
    bench: BenchSettings
    base_model: BaseModelSettings
    gold_model: GoldModelSettings
