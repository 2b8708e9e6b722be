"""Settings of where preferences come from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lens.core.settings import Count, Seed, Settings


class PairsSettings(Settings):
    """Where preference pairs come from and how they are split."""

    path: str | None = Field(
        None, description="Local file (.jsonl, .jsonl.gz, .json, .parquet, .csv, .tsv)."
    )
    test_path: str | None = Field(None, description="Local file with the test pairs.")
    hub: str | None = Field(None, description="Hub dataset id.")
    revision: str | None = Field(None, description="Hub revision; pin a commit.")
    train_split: str = Field("train", description="Hub split to train on.")
    test_split: str | None = Field(None, description="Hub split to test on.")
    columns: dict[str, str] = Field({}, description="Our column names -> the file's.")
    where: dict[str, str] = Field({}, description="Keep only rows whose columns have these values.")
    keep_prefix: str | None = Field(
        None, description="Keep only prompts whose last turn starts with this."
    )
    pair_rule: Literal["all", "best_worst", "adjacent"] = Field(
        "all",
        description="Which of several rated or ranked responses make pairs; every two by default.",
    )
    labels: Literal["hard", "soft"] = Field(
        "hard",
        description="hard: which answer is better, ties dropped; soft: how sure that is, from "
        "votes, strengths and ties, and training uses it.",
    )
    group_by: Literal["prompt", "first_turn"] = Field(
        "prompt", description="What may not be on both sides of a split."
    )
    invalid_rows: Literal["error", "drop"] = Field(
        "error", description="Stop at the first unusable row or drop and count them."
    )
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of prompts held out where no test pairs are given."
    )
    max_train_pairs: Count | None = Field(None, description="Take a sample of the training pairs.")
    max_test_pairs: Count | None = Field(None, description="Take a sample of the test pairs.")
    test_prompts: Count = Field(200, description="Test prompts that candidates are made for.")
    seed: Seed = Field(0, description="Seed of the split.")

    @model_validator(mode="after")
    def one_source(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give either `path`, a local file, or `hub`, a dataset of the Hub")
        return self


class PoolSettings(Settings):
    """A file of candidate answers, instead of generating them."""

    path: str = Field(description="Local file (.jsonl, .jsonl.gz, .json, .parquet).")
    columns: dict[str, str] = Field(
        {}, description="Our column names (id, prompt, candidates) -> the file's."
    )
    where: dict[str, str] = Field({}, description="Keep only rows whose columns have these values.")
    response_field: str = Field(
        "response", description="Field of a candidate with its text, where candidates are objects."
    )
    gold: bool = Field(
        False, description="The pool brings gold scores, so no gold model is needed."
    )
    gold_field: str = Field("gold", description="Field of a candidate with its gold score.")
    max_candidates: int | None = Field(
        None, ge=2, description="Take the first so many of each prompt."
    )
