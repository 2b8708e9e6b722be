"""Arguments that several subcommands share."""

import argparse
import json


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """How a Hugging Face model is loaded and how texts are put to it."""
    parser.add_argument("--model", required=True, help="folder or Hub id of the model")
    parser.add_argument("--revision", help="Hub revision (branch, tag or commit)")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run code that comes with the model"
    )
    parser.add_argument(
        "--text-style", default="chat", choices=["chat", "plain"], help="how prompts become text"
    )
    parser.add_argument("--max-length", type=int, help="tokens, below the model's own limit")
    parser.add_argument(
        "--too-long",
        default="error",
        choices=["error", "cut_left", "cut_right"],
        help="texts beyond the limit: stop with an error, or cut on one side and count",
    )
    add_thread_argument(parser)


def add_thread_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads (results may differ in last bits)"
    )


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


def add_paper_arguments(parser: argparse.ArgumentParser) -> None:
    """How the run stands to the paper's."""
    parser.add_argument(
        "--paper-names", type=json.loads, default={}, help='JSON {"our name": "the paper\'s"}'
    )
    parser.add_argument(
        "--paper-n-pairs", type=int, default=1000, help="the N that stands for the paper's 1,000"
    )
    parser.add_argument(
        "--comparable", action="store_true", help="data, models and gold model are the paper's"
    )


def options(args, *names: str) -> dict:
    """These arguments as keyword arguments."""
    return {name: getattr(args, name) for name in names}


def settings(args) -> dict:
    """The parsed arguments as JSON values, for a metrics file."""
    return {
        name: value for name, value in sorted(vars(args).items()) if name not in ("run", "command")
    }
