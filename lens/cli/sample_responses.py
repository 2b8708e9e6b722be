"""Sample responses to training or held-out prompts from the base model."""

from lens.cli.generate_candidates import add_arguments, run

__all__ = ["add_arguments", "run"]
