"""The language model that a command loads."""

import argparse

from lens.cli.shared.arguments import add_settings


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments on how a Hugging Face model is loaded and how its input is made."""
    from lens.language.settings import LoadSettings

    add_settings(parser, LoadSettings)
    add_dtype_argument(parser)


def add_dtype_argument(parser: argparse.ArgumentParser) -> None:
    """The older name of --precision."""
    parser.add_argument(
        "--dtype",
        dest="precision",
        type=_precision,
        default=argparse.SUPPRESS,
        metavar="{float32,bfloat16}",
        help="older name: float32 is --precision high, bfloat16 is fast",
    )


def _precision(dtype: str) -> str:
    from lens.language.settings import PRECISIONS

    if dtype not in PRECISIONS:
        raise argparse.ArgumentTypeError(f"{dtype!r}: give --precision high or --precision fast")
    return PRECISIONS[dtype]


def chosen_dtype(args) -> str:
    """The dtype that --precision stands for."""
    from lens.language.settings import DTYPES

    return DTYPES[args.precision]


def loader(args, kind: str = "AutoModelForCausalLM"):
    """A function that gives (tokenizer, model, tokens that it reads at most): loaded once, when
    they are first asked for."""
    from functools import cache

    @cache
    def loaded():
        import transformers

        from lens.language import loading

        tokenizer, model = loading.load(getattr(transformers, kind), **model_options(args))
        return tokenizer, model, loading.context_length(tokenizer, model, args.max_length)

    return loaded


def model_options(args, path: str = "path") -> dict:
    """The keyword arguments of `models.load` among the parsed arguments, or, with path "model", of
    an `Encoder`."""
    return {
        path: args.model,
        "revision": args.revision,
        "dtype": chosen_dtype(args),
        "device": args.device,
        "trust_remote_code": args.trust_remote_code,
    }
