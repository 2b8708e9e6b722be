"""Arguments that several subcommands share."""

import argparse
import json


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
