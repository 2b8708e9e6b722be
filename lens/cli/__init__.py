"""The `lens` command: one module per subcommand, found by its name in this folder.

A subcommand module has a docstring (its help), `add_arguments(parser)` and `run(args)`. Only
argparse may be imported at its top, so that `lens --help` stays quick.
"""

import argparse
import importlib
import os
import pkgutil
import sys
from typing import Any

from lens import __version__
from lens.core.errors import let_go, message, out_of_memory, shown
from lens.files import cost
from lens.files.tracking import tracker

# For your pairs, in the order of use; the others are stages.
FIRST = ["check", "advise", "fit", "score", "best_of", "reward_bench", "export", "serve", "embed"]
FIRST += ["theory", "next", "suspects", "completion"]


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The parser with every subcommand of this folder; with one alone where it is known which, as
    making all takes as long as many a stage."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg]
    stages = [name for name in names if name not in FIRST]
    parser = argparse.ArgumentParser(
        prog="lens",
        description="Reward models from few preference pairs, with and without synthetic ones.",
        epilog="Stages of the workflow, run by snakemake or by hand: "
        + ", ".join(name.replace("_", "-") for name in stages)
        + ". Each has its own --help.",
    )
    parser.add_argument("--version", action="version", version=f"lens {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = command.replace("-", "_")
    for name in [wanted] if wanted in names else [*FIRST, *stages]:
        module = importlib.import_module(f"{__name__}.{name}")
        about = module.__doc__ or ""
        listed: dict[str, Any] = {"help": about.splitlines()[0]} if name in FIRST else {}
        added = commands.add_parser(name.replace("_", "-"), description=about, **listed)
        module.add_arguments(added)
        added.set_defaults(run=module.run)
    return parser


class OutOfMemoryExit(SystemExit):
    """Raised when a command runs out of memory."""


def program() -> None:
    """Entry point of the process. Out of memory it exits at once: a half-imported library could
    crash while Python shuts down, and another exit status would hide the message."""
    try:
        main()
    except OutOfMemoryExit as stop:
        print(stop.code, file=sys.stderr, flush=True)
        os._exit(1)


def main(argv: list[str] | None = None) -> None:
    """Runs a command; exits with status 1 and one clear message if the input is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    command = argv[0] if argv else ""
    try:
        args = build_parser(command).parse_args(argv)
        cost.start()
        tracker()
        args.run(args)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush
        sys.exit(0)
    except Exception as error:
        stop = SystemExit
        if out_of_memory(error):
            stop = OutOfMemoryExit
            let_go(error)
        text = message(error)
        if text is None:
            raise
        raise stop(shown(f"lens {command}: error: {text}")) from None
    except KeyboardInterrupt:
        print(f"lens {command}: stopped.", file=sys.stderr)
        sys.exit(130)
