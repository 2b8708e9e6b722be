"""Arguments of several subcommands, and flags made from the config's sections."""

import argparse
import json
from typing import Any


def add_settings(parser: argparse.ArgumentParser, section, *, only=(), without=()) -> None:
    """Adds one flag per key of a section of the config (of those in `only`, except `without`):
    name, type, bounds, default, choices and help come from the section."""
    from typing import Literal, get_args, get_origin

    from lens.core.settings import section_of

    for name, field in section.model_fields.items():
        if name in without or (only and name not in only):
            continue
        kind = section_of(field.annotation)
        keywords: dict[str, Any] = {}
        if field.is_required():
            keywords["required"] = True
        elif kind is not bool:
            keywords["default"] = field.default
        if kind is bool:
            keywords["action"] = "store_true"
        elif get_origin(kind) is Literal:
            keywords["choices"] = get_args(kind)
        elif get_origin(kind) is list:
            lengths = [getattr(rule, "max_length", None) for rule in field.metadata]
            keywords["nargs"] = next(filter(None, lengths), "+")
            keywords["type"] = get_args(kind)[0]
        elif get_origin(kind) is dict:
            keywords |= {"type": names, "metavar": "JSON"}
        else:
            keywords["type"] = _within_bounds(kind, field)
        text = (field.description or "").replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, **keywords)


def _within_bounds(kind, field):
    """A type for argparse: `kind`, with what the field of a section asks of its values. Refusals do
    not show the value, which may be a key that was mistaken for its variable's name."""

    def parse(text: str):
        from pydantic import TypeAdapter, ValidationError

        value = kind(text)
        try:
            TypeAdapter(field.rebuild_annotation()).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise argparse.ArgumentTypeError(reason.removeprefix("Input ")) from None
        return value

    parse.__name__ = kind.__name__  # in argparse's own refusals
    return parse


def names(text: str) -> dict[str, str]:
    """A JSON object of names, for argparse."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a JSON object of names, such as {{"prompt": "question"}}'
        )
    return value


def add_thread_argument(parser: argparse.ArgumentParser) -> None:
    from lens.core.settings import Threaded

    add_settings(parser, Threaded)


def add_batch_argument(parser: argparse.ArgumentParser) -> None:
    from lens.core.settings import Batches

    add_settings(parser, Batches)


def add_paper_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments on how the run compares with the paper's."""
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
