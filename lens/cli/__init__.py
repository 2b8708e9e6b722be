"""The `lens` command: one module per subcommand, found by its name in this folder.

A subcommand module has a docstring (its help), `add_arguments(parser)` and `run(args)`. Only
argparse may be imported at its top, so that `lens --help` stays quick.
"""

import argparse
import importlib
import pkgutil
import sys

from lens import __version__
from lens.errors import LensError


def build_parser() -> argparse.ArgumentParser:
    """The parser with every subcommand of this folder."""
    parser = argparse.ArgumentParser(prog="lens", description="Latent-space preference synthesis.")
    parser.add_argument("--version", action="version", version=f"lens {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        help_line = module.__doc__.strip().splitlines()[0]
        command = commands.add_parser(
            info.name.replace("_", "-"), help=help_line, description=module.__doc__
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Entry point; exits with 1 and one clear message when the input is at fault."""
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except LensError as error:
        sys.exit(f"lens {args.command}: error: {error}")
    except BrokenPipeError:
        sys.exit(0)
