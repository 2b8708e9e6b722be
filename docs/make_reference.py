"""Writes reference.md beside this file: the Python API and the commands, from their docstrings."""

import argparse
import dataclasses
import inspect
import json
import re
from pathlib import Path
from types import FunctionType

import lens
from lens.cli import FIRST, build_parser

PAGE = Path(__file__).with_name("reference.md")
ORDER = ("read_pairs", "check_data", "embed_pairs", "import_embeddings", "Encoder", "advise")
ORDER += ("Advice", "Recipe", "fit", "RewardModel", "reward_bench", "export_classifier")
WIDTH = 88  # characters of a signature on one line


def reference() -> str:
    """The page: every name of `lens.__all__`, then every command."""
    commands = subcommands()
    own = [name.replace("_", "-") for name in FIRST]
    stages = [name for name in commands if name not in own]
    blocks = [
        "# Reference",
        "Made from the docstrings by `python docs/make_reference.py`; edit those.",
        "## Python",
        "Import these from `lens`. A default that does not print is shown as `...`, and a type from"
        " elsewhere in the package has its module's name.",
    ]
    for name in [*ORDER, *(name for name in lens.__all__ if name not in ORDER)]:
        blocks += api_blocks(name, getattr(lens, name))
    blocks.append("## Commands for your pairs")
    for name in own:
        blocks += command_blocks(name, commands[name])
    blocks += ["## Stages of the workflow", "Snakemake runs these; each can be run by hand."]
    for name in stages:
        blocks += command_blocks(name, commands[name])
    return "\n\n".join(block for block in blocks if block) + "\n"


def api_blocks(name: str, thing) -> list[str]:
    """Heading, code and docstring of a function, or of a class and each of its public members."""
    if not inspect.isclass(thing):
        return [f"### `{name}`", fence("python", function_code(name, thing)), prose(thing.__doc__)]
    generated = thing.__doc__ and thing.__doc__.startswith(f"{name}(")  # by @dataclass
    blocks = [f"### `{name}`", fence("python", class_code(thing))]
    blocks.append("" if generated else prose(thing.__doc__))
    for member, value in public_members(thing).items():
        blocks += [f"#### `{name}.{member}`", fence("python", function_code(member, value))]
        blocks.append(prose(value.__doc__))
    return blocks


def public_members(thing: type) -> dict:
    """Methods and properties, in the order of the source."""
    kinds = (FunctionType, classmethod, staticmethod, property)
    return {
        name: value
        for name, value in vars(thing).items()
        if isinstance(value, kinds) and (name[0] != "_" or name == "__call__")
    }


def class_code(thing: type) -> str:
    """The head of a class: the fields of a dataclass, or `__init__`."""
    bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
    head = f"class {thing.__name__}{f'({bases})' if bases else ''}"
    signature = inspect.signature(thing) if "__init__" in vars(thing) else None
    if signature is None:
        return head
    if dataclasses.is_dataclass(thing):
        fields = [f"    {parameter_code(each)}" for each in signature.parameters.values()]
        frozen = "(frozen=True)" if thing.__dataclass_params__.frozen else ""
        return "\n".join([f"@dataclass{frozen}", f"{head}:", *fields])
    init = function_code("__init__", vars(thing)["__init__"])
    return f"{head}:\n" + re.sub("^", "    ", init, flags=re.MULTILINE)


def function_code(name: str, thing) -> str:
    """The head of a function, method or property; one parameter a line where it is long."""
    decorator = "" if isinstance(thing, FunctionType) else f"@{type(thing).__name__}\n"
    plain = thing.fget if isinstance(thing, property) else inspect.unwrap(thing)
    signature = inspect.signature(plain)
    found, parameters = list(signature.parameters.values()), []
    for before, each in zip([None, *found], found, strict=False):
        if each.kind is each.KEYWORD_ONLY and (
            before is None or before.kind not in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        ):
            parameters.append("*")
        parameters.append(parameter_code(each))
    result = signature.return_annotation
    arrow = "" if result is signature.empty else f" -> {type_code(result)}"
    line = f"def {name}({', '.join(parameters)}){arrow}"
    if len(line) > WIDTH:
        line = "\n".join([f"def {name}(", *(f"    {each}," for each in parameters), f"){arrow}"])
    return decorator + line


def parameter_code(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    code, equals = stars.get(parameter.kind, "") + parameter.name, "="
    if parameter.annotation is not parameter.empty:
        code, equals = f"{code}: {type_code(parameter.annotation)}", " = "
    if parameter.default is not parameter.empty:
        code += equals + literal(parameter.default)
    return code


def literal(default) -> str:
    """A default as in the source; `...` for functions and the like, whose repr holds an address."""
    if isinstance(default, str):
        return json.dumps(default)
    return "..." if repr(default).startswith("<") else repr(default).replace("'", '"')


def type_code(annotation) -> str:
    """A type without its module, but for those of this package that `lens` does not export."""

    def short(match):
        name = match[0].rpartition(".")[2]
        return match[0] if match[0].startswith("lens.") and name not in lens.__all__ else name

    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"[A-Za-z_]\w*(?:\.\w+)+", short, text)


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """{name: parser}, in the order of the command line's own help."""
    return next(
        action.choices
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )


def command_blocks(name: str, parser: argparse.ArgumentParser) -> list[str]:
    actions = [each for each in parser._actions if not isinstance(each, argparse._HelpAction)]
    actions.sort(key=lambda each: bool(each.option_strings))  # positional first, else as declared
    rows = [argument_row(each, parser) for each in actions]
    table = ["| argument | meaning | default |", "| --- | --- | --- |", *rows]
    return [f"### `lens {name}`", prose(parser.description), "\n".join(table) if rows else ""]


def argument_row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    meaning = (action.help or "") % {**vars(action), "prog": parser.prog}
    required = action.required and action.option_strings
    cells = [
        f"`{argument_code(action)}`",
        escape(meaning),
        "required" if required else default_code(action.default),
    ]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def argument_code(action: argparse.Action) -> str:
    """Names and value, such as `--layer LAYER`, `--pooling {last,mean}`, `--seeds SEEDS...`."""
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    if not action.option_strings:
        code = " ".join(filter(None, [action.metavar or action.dest, choices]))
        return {"?": f"[{code}]", "*": f"[{code}...]", "+": f"{code}..."}.get(action.nargs, code)
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    value = choices or action.metavar or action.dest.upper()
    return f"{names} {value}" + ("..." if action.nargs in ("+", "*") else "")


def default_code(default) -> str:
    if default is None or default is False or default in ([], {}, "", argparse.SUPPRESS):
        return ""
    if isinstance(default, list | tuple):
        return f"`{' '.join(map(str, default))}`"
    return f"`{json.dumps(default) if isinstance(default, dict) else default}`"


def prose(docstring: str | None) -> str:
    """A docstring as Markdown; lines indented by four are code and stay as they are."""
    parts = re.split(r"^(    .*)$", inspect.cleandoc(docstring or ""), flags=re.MULTILINE)
    return "".join(part if index % 2 else escape(part) for index, part in enumerate(parts))


def escape(text: str) -> str:
    """Keeps Markdown from reading `*`, `<` and a word's outer `_`, but for code between ticks."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        part if index % 2 else re.sub(r"[*<]|\b_|_\b", r"\\\g<0>", part)
        for index, part in enumerate(parts)
    )


def fence(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
