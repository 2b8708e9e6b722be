"""Settings of judges and of labels by the reward model itself."""

from typing import Literal

from pydantic import Field

from lens.core.settings import KEY_VARIABLE, Address, Batches, Count, Seed, Settings, Variable


class JudgingSettings(Batches):
    """How a judge compares two answers."""

    verdict: Literal["text", "probability"] = Field(
        "text",
        description="Read the verdict from the judge's text, or from the probabilities of two "
        "labels as its next token.",
    )
    template: str | None = Field(
        None,
        description="File with the judge's prompt, with {prompt}, {first} and {second}; without "
        "it, the default prompt.",
    )
    labels: list[str] = Field(
        ["A", "B"],
        min_length=2,
        max_length=2,
        description="The tokens for `first is better` and `second is better`, for probability.",
    )
    opening: str = Field(
        "[[", description="Beginning of the judge's answer, before the label, for probability."
    )
    max_new_tokens: Count = Field(512, description="Longest judgement in tokens.")
    batch_size: Count = Field(64, description="Judgements per batch; changes speed only.")


class SelfRewardingSettings(JudgingSettings):
    """How the model judges pairs of its own responses."""

    pairs: Count = Field(
        8, description="Pairs of responses per prompt that are judged, in both orders."
    )
    seed: Seed = Field(0, description="Seed of the choice of pairs.")
    max_length: Count | None = Field(
        None,
        description="Tokens that the judge reads at most, its prompt included; null is the model's "
        "limit. A pair that is longer gets no label.",
    )


class SelfEvolvedSettings(Settings):
    """How the reward model's own ranking becomes labels."""

    rounds: int = Field(2, ge=2, description="Rounds of training and adding confident pairs.")
    confidence: float = Field(
        0.6,
        gt=0.5,
        lt=1,
        description="Smallest probability of a pair that is added; every pair has at least 1/2.",
    )


class EndpointSettings(Settings):
    """An OpenAI-compatible endpoint; its key is in the environment. Needs the extra `endpoint`."""

    base_url: Address = Field(
        description="An address such as https://api.openai.com/v1, without a user name, password "
        "or query."
    )
    model: str = Field(description="The judge's name at the endpoint.")
    key_variable: Variable = Field(
        KEY_VARIABLE,
        description="The name, in capitals, of the environment variable that holds the key.",
    )
    temperature: float = Field(0.0, ge=0, description="Sampling temperature of the judge.")
    timeout: float = Field(60.0, gt=0, description="Seconds to wait for an answer.")
    retries: int = Field(
        5, ge=0, description="How often a failed request is repeated, with back-off."
    )
    parallel: Count = Field(8, description="Requests at a time.")
    input_price: float | None = Field(None, ge=0, description="USD per million tokens read.")
    output_price: float | None = Field(None, ge=0, description="USD per million tokens written.")
    max_failed: float = Field(
        0.0, ge=0, le=1, description="Share of calls that may stay unanswered."
    )
    max_spend: float | None = Field(
        None, ge=0, description="Largest estimated cost in USD; above it no call is made."
    )
