"""Names and lists that sections of the config are made of."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from lens.core.settings import Unique, matching, refuse
from lens.reward.methods import METHODS

PLAIN = "a name begins with a letter or digit and holds letters, digits, _, . and -, 64 at most"


def _no_pool(name: str) -> str:
    if name == "pool":
        raise refuse("is taken: it stands for candidates from a file. Choose another name")
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
    """Refuses other texts."""
    known = list(names)

    def check(value: str) -> str:
        if value not in known:
            raise refuse(f"is none of {', '.join(known)}")
        return value

    return AfterValidator(check)


Method = Annotated[str, one_of(METHODS)]
InspectedMethod = Annotated[
    str, one_of(name for name, method in METHODS.items() if method.keeps_responses)
]


def holding(*wanted: object) -> AfterValidator:
    """Refuses lists that lack one of the items."""

    def check(values: list) -> list:
        for item in wanted:
            if item not in values:
                raise refuse(f"does not contain {item!r}")
        return values

    return AfterValidator(check)
