"""What is wrong with a config: the place, the value, what is known there, and never a secret."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lens.workflow.config import Config

MAY_HOLD_A_SECRET = ("base_url", "key_variable")  # so that their values are not shown
TOO_LONG = 200  # characters of a value


def refusal(error: ValidationError, raw: object) -> str:
    """One of the errors, unknown keys first: they are what the others often come from."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = _place(first["loc"], raw)
    kind, value, ctx = first["type"], first["input"], first.get("ctx", {})
    secret = bool(place) and place[-1] in MAY_HOLD_A_SECRET
    shown = "" if secret else f"{_shown(value)}"
    wanted = first["msg"].removeprefix("Input ").removeprefix("should be a valid ")
    if kind == "extra_forbidden":
        place, said = place[:-1], _unexpected(str(place[-1]), place[:-1])
    elif kind == "missing":
        said = f"{str(first['loc'][-1])!r} is missing; add it"
    elif kind == "lens":
        said = f"{shown}: {wanted}" if shown else wanted
    elif kind in ("too_short", "too_long"):
        limit = ctx.get("min_length", ctx.get("max_length"))
        most = "at least" if kind == "too_short" else "at most"
        said = f"{shown} is {kind.replace('_', ' ')}: {most} {limit}"
    elif kind == "literal_error":
        said = f"{shown} is none of {ctx['expected']}"
    elif wanted == first["msg"].removeprefix("Input "):
        said = f"{shown} {wanted}"
    else:
        said = f"{shown} is not a valid {wanted}"
    where = "".join(f"[{key!r}]" for key in place)
    return f"Error validating config file.\n{said.strip()}." + f" Place: config{where}" * bool(
        where
    )


def _unexpected(key: str, place: list) -> str:
    said = f"{key!r} was unexpected"
    if known := sorted(_known(place)):
        said += f"; known here: {', '.join(known)}"
    if any(word in key.lower() for word in ("key", "token", "password", "secret")):
        said += "; keys and tokens are read from the environment alone"
    return said


def _place(loc: tuple, raw: object) -> list:
    """The keys down to the value, without what pydantic puts behind them."""
    place = []
    for key in loc:
        if (isinstance(raw, dict) and key in raw) or (
            isinstance(raw, list) and isinstance(key, int)
        ):
            raw = raw[key]
        else:
            break
        place.append(key)
    # A bad key is named as a value: its place is the section that it stands in.
    return place[:-1] if loc[-1:] == ("[key]",) else place


def _shown(value: object) -> str:
    """A value that is no section, which may hold a secret somewhere."""
    plain = value if isinstance(value, list) else [value]
    if not all(part is None or isinstance(part, str | int | float) for part in plain):
        return "the section" if isinstance(value, dict) else "the list"
    text = repr(value)
    return text if len(text) <= TOO_LONG else f"{text[:TOO_LONG]}..."


def _known(place: list) -> list[str]:
    """The keys that the section at a place may hold."""
    kind: Any = Config
    for key in place:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = section_of(kind.model_fields[key].annotation)
        else:  # a dict: its values
            kind = section_of(get_args(kind)[1])
    is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
    return list(kind.model_fields) if is_section else []


def section_of(kind: Any) -> Any:
    """A type without its bounds, and without None."""
    if get_origin(kind) is Annotated:
        return section_of(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return section_of(next(part for part in get_args(kind) if part is not type(None)))
    return kind
