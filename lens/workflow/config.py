"""The config of a run: one typed model for each section."""

from typing import Annotated, Literal

from pydantic import Field

from lens.core.settings import Settings, Unique, matching
from lens.latent.settings import SynthesisSettings, VaeSettings
from lens.reward.settings import HeadSettings, TrainingSettings
from lens.workflow.sections import (
    Compare,
    Dataset,
    Gold,
    Inspection,
    LearningCurve,
    Model,
    Name,
    Plain,
    Plan,
    RewardBench,
    Shards,
    Sweeps,
    Table4,
    Theory,
    World,
)
from lens.workflow.text_sections import RejectionSampling, Textual

Artefact = Literal[
    "table_1",
    "table_2",
    "table_3",
    "table_4",
    "table_5",
    "table_6",
    "textual_spread",
    "rewardbench_safety",
    "figure_2",
    "figure_3",
    "figure_4",
    "layer_sweep",
    "scale_sweep",
    "size_sweep",
    "best_of_n_curve",
    "learning_curve",
    "figure_5",
    "theory_fits",
    "theory_map",
    "theory_table",
    "theory_proxy",
    "inspector",
    "qualitative",
    "describe_world",
    "overview",
]
PathName = Annotated[
    str,
    matching(
        "[a-z][a-z0-9_]{0,63}",
        "a name here begins with a small letter and holds small letters, digits and _, 64 at most",
    ),
]


class Config(Settings):
    """The config of a run. `lens.workflow.resolve.resolve` makes one of what was read."""

    run: Plain = Field(description="Name of the run; its results are in results/RUN.")
    paths: dict[PathName, str | None] = Field(
        description="Paths to give on the command line, put in wherever a path mentions {NAME}."
    )
    artefacts: Annotated[list[Artefact], Field(min_length=1), Unique] = Field(
        description="What `snakemake` makes by default."
    )
    compare: Compare
    learning_curve: LearningCurve
    table_4: Table4
    reward_bench: RewardBench
    datasets: dict[Name, Dataset] = Field(description="Preference datasets by name.")
    models: dict[Name, Model] = Field(
        description="Embedding models by name; one with `generation` also answers the test prompts."
    )
    gold: Gold | None
    shards: Shards
    training: TrainingSettings
    vae: VaeSettings
    synthesis: SynthesisSettings
    reward: HeadSettings
    textual: Textual
    rejection_sampling: RejectionSampling
    theory: Theory
    inspection: Inspection
    sweeps: Sweeps
    plan: Plan
    world: World

    def __repr__(self) -> str:
        return f"Config(run={self.run!r})"  # short, as Snakemake shows what a rule holds

    @property
    def results(self) -> str:
        """The folder of the run's results."""
        return f"results/{self.run}"
