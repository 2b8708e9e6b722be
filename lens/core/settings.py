"""Typed settings, shared by the config, the command line and the Python API."""

import re
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

BATCH_TOKENS = 8192
KEY_VARIABLE = "OPENAI_API_KEY"  # the environment variable with an endpoint's key
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, description="Adam's learning rate, at its peak.")]


def matching(pattern: str, message: str) -> AfterValidator:
    """A validator that refuses strings that the pattern does not match as a whole."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


Address = Annotated[
    str,
    matching(
        r"https?://[^\s/?#@]+(/[^\s?#@]*)?",
        "should be an address such as https://api.openai.com/v1, without a name, password or query",
    ),
]
Variable = Annotated[
    str,
    matching(
        "[A-Z][A-Z0-9_]{0,63}",
        "should be the name, in capitals, of the environment variable that holds the key",
    ),
]


def _unique(values: list) -> list:
    if any(value in values[:i] for i, value in enumerate(values)):
        raise ValueError("has the same item twice")
    return values


Unique = AfterValidator(_unique)


class Settings(BaseModel):
    """One section of settings: each field has a type, bounds and a description.

    Unknown keys and values of the wrong type raise pydantic.ValidationError, which names the field
    and the value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def given(self) -> dict:
        """The fields that were set explicitly, as JSON values."""
        return self.model_dump(exclude_unset=True)


class Threaded(Settings):
    """How many threads of the CPU a stage may use."""

    threads: int = Field(
        1, ge=1, description="CPU threads of torch; more may change the last bits."
    )


class Batches(Settings):
    """How many texts a model reads at a time."""

    batch_tokens: int = Field(
        BATCH_TOKENS, ge=1, description="Tokens in one batch; changes speed only."
    )


def section_of(kind: Any) -> Any:
    """A type without its bounds and without None: `Section` for `Section | None`."""
    if get_origin(kind) is Annotated:
        return section_of(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return section_of(next(part for part in get_args(kind) if part is not type(None)))
    return kind
