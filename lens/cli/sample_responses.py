"""Sample responses to training or held-out prompts from the base model."""

from lens.cli.shared.sampling import add_sampler_arguments as add_arguments
from lens.cli.shared.sampling import sample_shard as run

__all__ = ["add_arguments", "run"]
