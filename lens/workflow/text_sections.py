"""Sections of the config on text space: synthesis there, and rejection sampling."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lens.core.settings import Count, Rate, Seed, Settings, Unique
from lens.language.settings import (
    AdapterSettings,
    Epochs,
    FinetuningSettings,
    GenerationSettings,
    LoadSettings,
)
from lens.textspace.methods import TEXT_METHODS
from lens.textspace.settings import (
    EndpointSettings,
    JudgingSettings,
    SelfEvolvedSettings,
    SelfRewardingSettings,
)
from lens.workflow.sections import Gpus, Memory, Name, Names, Scale, holding, one_of


def _not_table_6(name: str) -> str:
    if name == "table_6":
        raise ValueError("is taken: Table 6 has its own job. Choose another name")
    return name


Job = Annotated[Name, AfterValidator(_not_table_6)]
JobScales = Annotated[list[Count], Field(min_length=1), Unique]


class Annotator(Settings):
    """The reward model, trained on all training pairs, that labels responses."""

    model: Name = Field(description="Entry under `models` that it is trained from.")
    lora: bool = Field(False, description="Train adapters instead of all weights.")
    epochs: Epochs = 1
    learning_rate: Rate | None = Field(None, description="Adam's learning rate, at its peak.")
    batch_size: Count = Field(32, description="Pairs per step.")
    seed: Seed = Field(0, description="Of its head and batches.")


class Table6(Settings):
    """Where the sampling temperature is varied (Table 6)."""

    dataset: Name = Field(description="One of textual.datasets.")
    model: Name = Field(description="One of textual.models.")
    scale: Scale = Field(description="Augmentation scale.")
    others: Names = Field(description="Sampling entries other than `standard`.")


class Textual(Settings):
    """Synthesis in text space (Section 5.1), the paper's opponents. Needs the extra `text`."""

    datasets: Names = Field(description="Of those compared.")
    models: Names = Field(
        description="Of those compared; each answers the training prompts and is trained."
    )
    methods: Annotated[list[Annotated[str, one_of(TEXT_METHODS)]], Unique] = Field(
        description="Rows of Table 1 that are trained on text; an empty list leaves text space out."
    )
    jobs: Annotated[dict[Job, JobScales | None], Field(min_length=1)] = Field(
        description="Named lists of scales that one job trains one after another; one list where "
        "starting a job is dear, a list for each scale on a cluster. null takes out an entry of "
        "the config below."
    )
    gpus: Count = Field(1, description="GPUs of a job that trains on text.")
    mem_mb: Memory | None = Field(
        None, description="Main memory in MB of a job that trains on text."
    )
    accelerate: str | None = Field(
        None, description="File for `accelerate launch --config_file`, for several GPUs."
    )
    responses: int = Field(ge=2, description="Responses sampled for each training prompt.")
    sampling: Annotated[dict[Name, GenerationSettings], holding("standard")] = Field(
        description="What differs from the model's `generation`, by name; `standard` is Table 1's."
    )
    annotator: Annotator
    finetuning: FinetuningSettings = Field(
        description="How text reward models are trained, full or LoRA."
    )
    full: FinetuningSettings = Field(description="What differs for full fine-tuning.")
    lora: AdapterSettings
    self_rewarding: SelfRewardingSettings
    self_evolved: SelfEvolvedSettings
    table_6: Table6


class Picker(Settings):
    """A reward model that picks responses."""

    method: Name = Field(description="Row of Table 1.")
    scale: Count = Field(description="Its augmentation scale.")


class Judge(JudgingSettings):
    """What compares the answers of two of the models, a local model or an endpoint."""

    kind: Literal["model", "endpoint"] = Field(
        description="A local model (`load`), or an `endpoint`."
    )
    compare: Annotated[list[Name], Field(min_length=2, max_length=2)] = Field(
        description="Two names under `reward_models`."
    )
    gpu: Gpus = 0
    load: LoadSettings | None = None
    endpoint: EndpointSettings | None = None


class RejectionSampling(Settings):
    """Language models trained on the picks of reward models (Table 3)."""

    dataset: Name = Field(description="One of textual.datasets.")
    model: Name = Field(description="One of textual.models.")
    prompts: Count = Field(description="Held-out prompts that responses are picked for.")
    candidates: int = Field(ge=2, description="Responses to choose from.")
    seed: Seed = Field(description="Of the choice of prompts.")
    reward_models: Annotated[dict[Name, Picker | None], Field(min_length=2)] = Field(
        description="What picks, by name; the paper's are called latent and textual. null takes an "
        "entry out."
    )
    sft: FinetuningSettings = Field(
        description="How the language model is fine-tuned on the picks."
    )
    judge: Judge
