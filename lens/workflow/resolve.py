"""From what was read to the config of a run: validated, completed, and checked as a whole."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from lens.core.errors import LensError
from lens.core.settings import section_of
from lens.workflow.cells import with_layers
from lens.workflow.checks import check
from lens.workflow.config import Config
from lens.workflow.paths import plain_path

# Sections that are filled in for artefacts that use them alone.
FOR_AN_ARTEFACT = {"table_4": "table_4", "rewardbench_safety": "reward_bench"}


def resolve(raw: dict, root: Path) -> Config:
    """The config of a run of the workflow in the folder `root`.

    Validates `raw` and leaves out what is not compared. Replaces {run}, {project} and the names
    under `paths` in all texts. Adds a model for each layer of a sweep, and checks that the sections
    fit together. A resolved config resolves to itself. LensError says what is wrong, where, and
    what to do.
    """
    plain_path(str(root))
    given = deepcopy(raw)
    _compared_alone(_read(given), given)
    _without_nulls(given)
    _fill_in_sections(given, root)
    _with_text_that_is_compared(given)
    config = with_layers(_read(given))
    check(config)
    return config


def _read(raw: dict) -> Config:
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise LensError(refusal(error, raw)) from None


def _compared_alone(config: Config, raw: dict) -> None:
    for key in ("datasets", "models"):
        unknown = set(raw["compare"][key]) - set(raw[key])
        if unknown:
            raise LensError(f"config: compare.{key} names {sorted(unknown)}, not under {key}.")
        raw[key] = {name: raw[key][name] for name in raw["compare"][key]}
    for name, model in raw["models"].items():
        if "candidates_from" in model:
            raise LensError(
                f"config: models.{name}.candidates_from is filled in for the layers of a sweep; "
                "take it out."
            )
    if not needs_gold_model(config):
        raw["gold"] = None
    elif config.gold is None:
        raise LensError(
            "config: candidates are judged by a gold model: give the section `gold`, or a `pool` "
            "with `gold: true` for each dataset."
        )


def needs_gold_model(config: Config) -> bool:
    """Whether candidates have no gold scores yet; no pool has scores of Table 3's fresh answers."""
    used = [config.datasets[name] for name in config.compare.datasets]
    return "table_3" in config.artefacts or any(
        not (dataset.pool and dataset.pool.gold) for dataset in used
    )


def _without_nulls(raw: dict) -> None:
    """Entries that a config file has taken out of the one below it."""
    for section, key in (("textual", "jobs"), ("rejection_sampling", "reward_models")):
        entries = raw[section][key].items()
        raw[section][key] = {name: entry for name, entry in entries if entry}


def _with_text_that_is_compared(raw: dict) -> None:
    text, compare = raw["textual"], raw["compare"]
    keys = ("datasets", "models")
    kept = {key: [name for name in text[key] if name in compare[key]] for key in keys}
    text.update(kept if all(kept.values()) else {"methods": []})


def _fill_in_sections(raw: dict, root: Path) -> None:
    names = {**raw["paths"], "run": raw["run"], "project": str(root)}
    own = {section for artefact, section in FOR_AN_ARTEFACT.items() if artefact in raw["artefacts"]}
    for key in ("datasets", "models", "gold", "textual", "rejection_sampling", *sorted(own)):
        raw[key] = fill_in(raw[key], names)


def fill_in(value: Any, names: dict) -> Any:
    """A copy with each {name} in a text replaced; LensError names one that is not set."""
    if isinstance(value, dict):
        return {key: fill_in(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, names) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: _path_for(match[1], names), value)
    return value


def _path_for(name: str, names: dict) -> str:
    if names.get(name) is None:
        raise LensError(
            f"config: the path {name!r} is not set. "
            f"Give it on the command line: --config paths='{{{name}: /path/to/it}}'. (Where the "
            "braces are a file's own, rename it.)"
        )
    return fill_in(str(names[name]), {**names, name: None})  # a path may mention others


MAY_HOLD_A_SECRET = ("base_url", "key_variable")  # so that their values are not shown
TOO_LONG = 200  # characters of a value


def refusal(error: ValidationError, raw: object) -> str:
    """One of the errors, unknown keys first: they are what the others often come from."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    path = _key_path(first["loc"], raw)
    kind, value, ctx = first["type"], first["input"], first.get("ctx", {})
    secret = bool(path) and path[-1] in MAY_HOLD_A_SECRET
    shown = "" if secret else f"{_shown(value)}"
    our_text = ctx.get("error")  # a ValueError of a validator
    expected = first["msg"].removeprefix("Input ").removeprefix("should be a valid ")
    if kind == "extra_forbidden":
        path, text = path[:-1], _unexpected(str(path[-1]), path[:-1])
    elif kind == "missing":
        text = f"{str(first['loc'][-1])!r} is missing; add it"
    elif our_text:
        text = f"{shown}: {our_text}" if shown else str(our_text)
    elif kind in ("too_short", "too_long"):
        limit = ctx.get("min_length", ctx.get("max_length"))
        most = "at least" if kind == "too_short" else "at most"
        text = f"{shown} is {kind.replace('_', ' ')}: {most} {limit}"
    elif kind == "literal_error":
        text = f"{shown} is none of {ctx['expected']}"
    elif kind in ("model_type", "dict_type"):
        text = f"{shown} is not a section: a section has keys and values"
    elif expected == first["msg"].removeprefix("Input "):
        text = f"{shown} {expected}"
    else:
        text = f"{shown} is not a valid {expected}"
    where = "".join(f"[{key!r}]" for key in path)
    return f"Error validating config file.\n{text.strip()}." + f" Place: config{where}" * bool(
        where
    )


def _unexpected(key: str, path: list) -> str:
    text = f"{key!r} was unexpected"
    if known := sorted(_known_keys(path)):
        text += f"; known here: {', '.join(known)}"
    if any(word in key.lower() for word in ("key", "token", "password", "secret")):
        text += "; keys and tokens are read from the environment alone"
    return text


def _key_path(loc: tuple, raw: object) -> list:
    """The keys down to the value, without what pydantic puts behind them."""
    path = []
    for key in loc:
        if (isinstance(raw, dict) and key in raw) or (
            isinstance(raw, list) and isinstance(key, int)
        ):
            raw = raw[key]
        else:
            break
        path.append(key)
    # A bad key is named as a value: its path is the section that it is in.
    return path[:-1] if loc[-1:] == ("[key]",) else path


def _shown(value: object) -> str:
    """A value that is not a section and may contain a secret."""
    plain = value if isinstance(value, list) else [value]
    if not all(part is None or isinstance(part, str | int | float) for part in plain):
        if isinstance(value, dict | list):
            return "the section" if isinstance(value, dict) else "the list"
        return str(value)  # a date, as YAML reads one
    text = repr(value)
    return text if len(text) <= TOO_LONG else f"{text[:TOO_LONG]}..."


def _known_keys(path: list) -> list[str]:
    """The keys that the section at a place may hold."""
    kind: Any = Config
    for key in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = section_of(kind.model_fields[key].annotation)
        else:  # a dict: its values
            kind = section_of(get_args(kind)[1])
    is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
    return list(kind.model_fields) if is_section else []
