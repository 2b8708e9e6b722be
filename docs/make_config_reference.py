"""Writes config.md beside this file: every key of the config, from the models in lens."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from lens.core.settings import Settings, section_of
from lens.workflow.config import Config

PAGE = Path(__file__).with_name("config.md")
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def reference() -> str:
    """The page: the keys at the top, then a table for each section, in the order of the config."""
    blocks = [
        "# The config",
        "Made from the models of the sections by `python docs/make_config_reference.py`; edit them."
        " `config.yaml` is the default run's; other files override its keys. Any path may use"
        " `{run}`, `{project}` and the names under `paths`. Keys without a default are required;"
        " config.yaml has them.",
        "## Top",
        table(Config),
    ]
    for key, field in Config.model_fields.items():
        blocks += section_blocks(key, field)
    return "\n\n".join(blocks) + "\n"


def section_blocks(path: str, field: FieldInfo) -> list[str]:
    """Heading, sentence and table of a section, then those within it; nothing for other keys."""
    kind = section_of(field.annotation)
    if get_origin(kind) is dict:
        path, kind = f"{path}.NAME", section_of(get_args(kind)[1])
    if not (isinstance(kind, type) and issubclass(kind, Settings)):
        return []
    blocks = [f"## `{path}`", (kind.__doc__ or "").strip(), table(kind)]
    for key, inner in kind.model_fields.items():
        blocks += section_blocks(f"{path}.{key}", inner)
    return blocks


def table(section: type[Settings]) -> str:
    rows = ["| key | value | default | what it is |", "|---|---|---|---|"]
    for key, field in section.model_fields.items():
        said = field.description or (getattr(section_of(field.annotation), "__doc__", "") or "")
        cells = (f"`{key}`", value_of(field), default_of(field), said.strip())
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def value_of(field: FieldInfo) -> str:
    """Its kind and bounds in words."""
    return kind_of(field.annotation) + bounds(field.metadata)


def bounds(rules: Iterable[Any]) -> str:
    """Of a number, or of what an item of a list may be."""
    rules = [part for rule in rules for part in getattr(rule, "metadata", None) or [rule]]
    said = [f"{SIGNS[n]} {getattr(rule, n)}" for rule in rules for n in SIGNS if hasattr(rule, n)]
    return "".join(f", {bound}" for bound in said)


def kind_of(annotation: Any) -> str:
    """A type in words, with the bounds of the items of lists and of values by name."""
    kind, rules = section_of(annotation), getattr(annotation, "__metadata__", ())
    kind = float if float in get_args(getattr(annotation, "__origin__", None)) else kind
    known = [getattr(getattr(rule, "func", None), "known", []) for rule in rules]
    if any(known):
        return ", ".join(f"`{name}`" for names in known for name in names)
    return words_of(kind) + bounds(rules)


def words_of(kind: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is list:
        return f"list of: {kind_of(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"by name: {kind_of(get_args(kind)[1])}"
    return names.get(kind, "section")


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    if field.default is None:
        return "none"
    return "as there" if isinstance(field.default, Settings) else f"`{field.default}`"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
