"""Score the answers of SFT models with the gold reward model."""

from lens.cli.score_candidates import add_arguments, run

__all__ = ["add_arguments", "run"]
