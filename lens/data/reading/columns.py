"""Rows whose columns go by the names that are read, with objects opened and lists read as lists."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from lens.core.errors import LensError
from lens.data.reading.naming import answer_named
from lens.data.reading.several.listed import texts_in
from lens.data.texts.cells import Row, is_empty, is_of_lists, listed, parse_cell
from lens.data.texts.cures import column_list, command
from lens.data.texts.names import BOOKKEEPING, INSIDE, PROMPTS, RATINGS, TEXTS, Names, canonical
from lens.data.texts.turns import is_message

TEXT_FIELDS, KNOWN_FIELDS = {*INSIDE, *TEXTS, *PROMPTS}, {"tools", "functions", *RATINGS}


def objects_in(rows: Sequence[Row]) -> tuple[str, ...]:
    """Columns that hold nothing but objects that are no messages: their fields are columns too."""
    only_objects: dict[str, bool] = {}
    for _, row in rows:
        for name, value in row.items():
            if not is_empty(value):
                only_objects[name] = only_objects.get(name, True) and _is_object(opened(value))
    return tuple(name for name, objects in only_objects.items() if objects)


def opened(value: object) -> object:
    """The object that a text is, where a table printed it: it has an answer's or a prompt's text
    and what is known of it, or is written as Python. Other texts may be answers in JSON."""
    if not (isinstance(value, str) and re.match(r"\s*\{\s*['\"]", value)):
        return value
    try:
        parsed = parse_cell(value)
    except ValueError:
        return value
    if not isinstance(parsed, dict) or not TEXT_FIELDS & {canonical(key) for key in parsed}:
        return value
    known_fields = [
        key for key in map(canonical, parsed) if BOOKKEEPING.fullmatch(key) or key in KNOWN_FIELDS
    ]
    return parsed if known_fields or value.lstrip()[1:].lstrip()[0] == "'" else value


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and not is_message(value) and not is_of_lists(value)


def flattened(rows: Sequence[Row], objects: tuple[str, ...]) -> list[Row]:
    """Rows in which these objects gave way to their fields, named `object.field`."""
    return [(where, _flat(row, objects)) for where, row in rows] if objects else list(rows)


def _flat(row: dict, objects: tuple[str, ...]) -> dict:
    cells: dict = {}
    for name, value in row.items():
        value = opened(value) if name in objects else value
        if name in objects and isinstance(value, dict):
            cells |= {f"{name}.{inner}": inner_value for inner, inner_value in value.items()}
        elif name not in objects:
            cells[name] = value
    return cells


def rename_columns(rows: list[Row], columns: dict[str, str]) -> list[Row]:
    """Renames the columns {ours: theirs}, and leaves out ours where theirs is ""; LensError when a
    named column is not there."""
    if not columns:
        return rows
    taken = {*columns, *columns.values()}
    left_out = {canonical(ours) for ours, theirs in columns.items() if not theirs}
    renamed = []
    for where, row in rows:
        columns_by_name = {ours: _column(row, theirs) for ours, theirs in columns.items() if theirs}
        inner = {
            ours: _inside(row, columns[ours])
            for ours, name in columns_by_name.items()
            if name is None
        }
        absent = [columns[ours] for ours, cells in inner.items() if cells is None]
        if absent:
            suggested = {
                ours: name or _closest(columns[ours], row) for ours, name in columns_by_name.items()
            }
            raise LensError(
                f"{where}: no column {absent}; found {column_list(row)}. Fix `columns`, such as: "
                + command(where, suggested, renamed=False)
            )
        cells = {
            ours: row[name] for ours, name in columns_by_name.items() if name is not None
        } | inner
        replaced = taken | {*columns_by_name.values()}
        other_cells = {
            name: value
            for name, value in row.items()
            if name not in replaced
            and left_out.isdisjoint((canonical(name), canonical(str(name).partition(".")[0])))
        }
        renamed.append((where, other_cells | cells))
    return renamed


def _closest(wanted: str, row: dict) -> str:
    return next(iter(get_close_matches(wanted, [*map(str, row)], 1, 0)), wanted)


def _column(row: dict, wanted: str) -> str | None:
    """A column by its name, whatever its case and outer blanks."""
    if wanted in row:
        return wanted
    spellings = [name for name in row if canonical(name) == canonical(wanted)]
    return spellings[0] if len(spellings) == 1 else None


def _inside(row: dict, wanted: str) -> object:
    """What `answers.score` names: a field of all objects in a list, or, by its number from 0, an
    item of the list; None if there is none."""
    root, _, field = wanted.rpartition(".")
    name = _column(row, root) if root else None
    items = listed(row[name]) if name is not None else None
    if items is None or (field.isdigit() and int(field) >= len(items)):
        return [] if name is not None and is_empty(row[name]) else None
    if field.isdigit():
        return items[int(field)]
    keys = {canonical(key): key for item in items if isinstance(item, dict) for key in item}
    if canonical(field) not in keys:
        return None
    items = _in_order_of_others(row, name, items)
    return [x.get(keys[canonical(field)]) if isinstance(x, dict) else None for x in items]


def _in_order_of_others(row: dict, name: str | None, items: list) -> list:
    """Objects with a `model` in the order in which another list of the row has the models."""
    models = _models(items)
    for other in row if models else ():
        wanted = _models(listed(row[other]) or []) if other != name else []
        if wanted and sorted(wanted) == sorted(models):
            return [items[models.index(model)] for model in wanted]
    return items


def _models(items: list) -> list[str]:
    models = [str(item.get("model", "")) for item in items if isinstance(item, dict)]
    return models if len({*models} - {""}) == len(items) else []


def lists_in(names: Names) -> tuple[str, ...]:
    """Columns whose every cell is a list of texts, or the text of one, as tables keep them."""
    return tuple(name for name in names.names if _lists_texts(names.values(name)))


def _lists_texts(values: list) -> bool:
    for value in values:
        if isinstance(value, str) and value.lstrip()[:1] not in ("[", "a"):
            return False
        items = None if isinstance(value, dict) else listed(value)
        if not items or not all(isinstance(item, str | None) for item in items):
            return False
    return bool(values)


def expanded(
    rows: list[Row],
    lists: tuple[str, ...],
    twos: tuple[str, ...],
    named: tuple[str, ...] = (),
    start: int = 0,
) -> list[Row]:
    """Rows with lists in cells read as lists, two answers of a column in columns of their own, and
    answers where another column's name stood."""
    if not (lists or twos or named):
        return rows
    new_rows = []
    for where, row in rows:
        row = row | {name: listed(row[name]) for name in lists if not is_empty(row.get(name))}
        row |= {name: answer_named(row, row.get(name), named, start) for name in named}
        for name in twos:
            both = texts_in(row, name, where)
            if len(both) != 2:
                raise LensError(f"{where}: `{name}` has {len(both)} answers, not two.")
            items = listed(row.pop(name)) or []
            models = [item.get("model") for item in items if isinstance(item, dict)]
            row |= {f"model_{at}": model for at, model in enumerate(models) if model}
            row |= {f"{name}_0": both[0], f"{name}_1": both[1]}
        new_rows.append((where, row))
    return new_rows
