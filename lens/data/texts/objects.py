"""The rows in a JSON file: a list of objects, or one object that holds such a list or columns."""

import json
import shlex
from collections.abc import Iterable

from lens.core.errors import LensError

SPLITS = {"train", "test", "validation", "valid", "val", "dev", "eval"}


def rows_in(value: object, name: str) -> list[dict]:
    """The rows of a parsed .json file, also as pandas writes them (`to_json` with any `orient` but
    "values"). LensError where it holds none, or lists of them by name."""
    if isinstance(value, list):
        return _objects(value, name)
    if not isinstance(value, dict):
        raise LensError(f"{name}: a list of objects is needed, and this is {type(value).__name__}.")
    if _is_split(value):
        return [dict(zip(value["columns"], row, strict=True)) for row in value["data"]]
    if isinstance(value.get("schema"), dict) and _are_objects(value.get("data")):
        return value["data"]
    lists = [key for key, item in value.items() if _are_objects(item)]
    if lists and (SPLITS.issuperset(lists) or not _is_table_of_lists(value)):
        raise _lists_by_name(value, lists, name)
    if _is_table_of_lists(value):
        return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    if value and all(isinstance(item, dict) and item for item in value.values()):
        return _of_objects(value, name)
    raise LensError(
        f"{name}: a list of objects is needed, and this is an object with {list(value)!r:.200}. "
        f"If it is one row: jq -c . {shlex.quote(name)} > "
        + shlex.quote(name.removesuffix(".json") + ".jsonl")
    )


def _objects(value: list, name: str) -> list[dict]:
    for number, row in enumerate(value, 1):
        if not isinstance(row, dict):
            how = (
                f" Name the columns: {_with_pandas(name, 'values')}"
                if isinstance(row, list)
                else ""
            )
            raise LensError(
                f"{name}, row {number}: an object is needed, not {type(row).__name__}.{how}"
            )
    return value


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, dict) for x in value)


def _is_split(value: dict) -> bool:
    columns, rows = value.get("columns"), value.get("data")
    return (
        isinstance(columns, list)
        and isinstance(rows, list)
        and all(isinstance(row, list) and len(row) == len(columns) for row in rows)
    )


def _is_table_of_lists(value: dict) -> bool:
    """Whether an object has a list for each of several columns, all of one length."""
    lists = [item for item in value.values() if isinstance(item, list)]
    return len(value) > 1 and len(lists) == len(value) and len({*map(len, lists)}) == 1


def _of_objects(value: dict, name: str) -> list[dict]:
    """Rows of an object of objects: {column: {row: cell}} or {row: {column: cell}}."""
    keys = {frozenset(item) for item in value.values()}
    rows, columns = _are_numbers(value), len(keys) == 1 and _are_numbers(*keys)
    if columns and not rows:
        first = next(iter(value.values()))
        return [{column: cells[row] for column, cells in value.items()} for row in first]
    if rows and not columns:
        return list(value.values())
    raise LensError(
        f"{name}: an object of objects, of which either kind may be the rows. Say which. "
        + " -- ".join(
            f"the outer names are {what}: {_with_pandas(name, orient)}"
            for what, orient in (("columns", "columns"), ("rows", "index"))
        )
    )


def _are_numbers(keys: Iterable) -> bool:
    return all(str(key).isdigit() for key in keys)


def _lists_by_name(value: dict, lists: list[str], name: str) -> LensError:
    source, commands = shlex.quote(name), []
    for key in lists:
        out = shlex.quote(name.removesuffix(".json") + f".{key}.json")
        code = shlex.quote(
            "import json, sys; "
            f'json.dump(json.load(open(sys.argv[1]))[{json.dumps(key)}], open(sys.argv[2], "w"))'
        )
        commands.append(f"`{key}`: python -c {code} {source} {out}")
    return LensError(
        f"{name}: a list of objects is needed, and this is an object with {list(value)!r:.200}. "
        "Write the list that is meant to a file of its own. " + " -- ".join(commands)
    )


def _with_pandas(name: str, orient: str) -> str:
    """The command that writes the file as JSON lines."""
    columns = '.set_axis(["prompt", "chosen", "rejected"], axis=1)' if orient == "values" else ""
    code = (
        f'import pandas, sys; pandas.read_json(sys.argv[1], orient="{orient}"){columns}'
        '.to_json(sys.argv[2], orient="records", lines=True)'
    )
    out = shlex.quote(name.removesuffix(".json") + ".jsonl")
    return f"python -c {shlex.quote(code)} {shlex.quote(name)} {out}"
