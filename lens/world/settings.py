"""Settings of the offline world."""

from typing import Literal

from pydantic import Field

from lens.core.settings import Count, Rate, Seed, Settings, Threaded


class TextsSettings(Settings):
    """Its preference pairs and the texts that its models learn from."""

    seed: Seed = Field(0, description="Seed of all texts and labels.")
    pairs: Count = Field(6000, description="Preference pairs of each kind.")
    corpus: Count = Field(20000, description="Texts for the language model.")
    gold_corpus: Count = Field(20000, description="Texts with true reward for the gold model.")
    temperature: float = Field(
        0.9, gt=0, description="Noise of the Bradley-Terry labels, in points of true reward."
    )


class BenchSettings(Settings):
    """Its version of RewardBench: pairs of answers that differ in one fault."""

    kind: Literal["dialogue", "summary"] = Field("dialogue", description="Kind of prompt.")
    count: Count = Field(300, description="Pairs in all.")
    seed: Seed = Field(0, description="Seed of the pairs.")


class BaseModelSettings(Threaded):
    """The tiny causal language model."""

    seed: Seed = Field(0, description="Seed of weights and batches.")
    hidden: Count = Field(64, description="Width of the hidden states.")
    layers: Count = Field(2, description="Transformer blocks.")
    heads: Count = Field(4, description="Attention heads; divides the width.")
    steps: Count = Field(1400, description="Batches in all.")
    batch_size: Count = Field(64, description="Texts in a batch.")
    learning_rate: Rate = 3e-3


class GoldModelSettings(Threaded):
    """The tiny gold reward model."""

    seed: Seed = Field(0, description="Seed of the batches.")
    steps: Count = Field(1000, description="Batches in all.")
    batch_size: Count = Field(64, description="Texts in a batch.")
    learning_rate: Rate = 2e-3
