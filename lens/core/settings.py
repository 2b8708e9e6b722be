"""What a section of the config, a command's flags and the Python API share: typed settings."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, description="Adam's learning rate, at its peak.")]


class Settings(BaseModel):
    """A section: every field has a type, bounds, a default where there is one, and a description.

    Unknown keys are refused. pydantic.ValidationError names the field and the value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
