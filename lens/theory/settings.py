"""Settings of the trainings behind the theory (B.5)."""

from pydantic import Field

from lens.core.settings import Count, Settings


class BoundsSettings(Settings):
    """How the trainings are measured."""

    max_test_pairs: Count = Field(10000, description="Largest number of test pairs for losses.")
    delta: float = Field(0.05, gt=0, lt=1, description="1 - confidence of the bounds.")
    vae_steps: Count = Field(
        800, description="Gradient steps of the VAEs that get the same number at every size."
    )
