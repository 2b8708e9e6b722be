"""The language model that a command loads."""

import argparse

from lens.cli.shared.arguments import add_settings


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """How a Hugging Face model is loaded and how texts are put to it."""
    from lens.language.settings import LoadSettings

    add_settings(parser, LoadSettings)


def model_options(args, path: str = "path") -> dict:
    """The keyword arguments of `models.load` among the parsed arguments, or, with path "model", of
    an `Encoder`."""
    return {
        path: args.model,
        "revision": args.revision,
        "dtype": args.dtype,
        "device": args.device,
        "trust_remote_code": args.trust_remote_code,
    }
