"""Threads of messages with ranks, as in OpenAssistant: trees, or one message per row."""

from collections.abc import Iterable, Iterator
from typing import Any

from lens.core.errors import LensError
from lens.data.texts.cells import Row, parse_cell
from lens.data.texts.turns import ROLES

REPLIES = ("replies", "children")
FLAT = {"message_id", "parent_id", "text", "role"}


def opened(rows: list[Row]) -> list[Row] | None:
    """A row `prompt`, `responses`, `ranks` for each turn that was answered more than once, or None
    where the rows are no threads. Ranks begin at 1; answers without a rank have none."""
    if not are_threads(rows):
        return None
    names = _names(rows)
    if not names & {*REPLIES} and names >= FLAT:
        return _ranked(rows, _of_rows(rows))
    trees = [(where, row if row.keys() & {*REPLIES} else _tree(row)) for where, row in rows]
    return _ranked(rows, _of_trees(trees))


def are_threads(rows: list[Row]) -> bool:
    """Whether rows are messages of threads, or trees of them."""
    names = _names(rows)
    replies = names & {*REPLIES}
    flat = names >= FLAT and "rank" in names and not replies
    tree = "prompt" in names and _is_tree(_tree(rows[0][1]))
    return flat or bool(replies and names >= {"text", "role"}) or tree


def _names(rows: list[Row]) -> set[str]:
    return set().union(*(row.keys() for _, row in rows[:50])) if rows else set()


def _tree(row: dict) -> Any:
    """The tree of a row, which tables keep as text."""
    value = row.get("prompt", {})
    if (
        isinstance(value, str)
        and value.lstrip().startswith("{")
        and any(name in value for name in REPLIES)
    ):
        try:
            return parse_cell(value)
        except ValueError:
            return value
    return value


def _is_tree(value: object) -> bool:
    return isinstance(value, dict) and "text" in value and bool(value.keys() & {*REPLIES})


def _of_rows(rows: list[Row]) -> Iterator[tuple[str, list[dict], list[dict]]]:
    """(where, message, path of messages above it) of each message, its children next to it."""
    by_id = {row.get("message_id"): row for _, row in rows}
    children: dict[object, list[dict]] = {}
    for _, row in rows:
        children.setdefault(row.get("parent_id"), []).append(row)
    for where, row in rows:
        path: list[dict] = []
        above: dict | None = row
        while above is not None and len(path) <= len(rows):
            path.append(above)
            above = by_id.get(above.get("parent_id")) if above.get("parent_id") else None
        yield where, path[::-1], children.get(row.get("message_id"), [])


def _of_trees(trees: list[Row]) -> Iterator[tuple[str, list[dict], list[dict]]]:
    waiting = [(where, [tree]) for where, tree in trees if _is_tree(tree)]
    for where, path in waiting:
        replies = next((path[-1][name] for name in REPLIES if name in path[-1]), None)
        replies = [reply for reply in replies if isinstance(reply, dict)] if replies else []
        yield where, path, replies
        waiting += [(where, [*path, reply]) for reply in replies]


def _ranked(rows: list[Row], threads: Iterable[tuple[str, list[dict], list[dict]]]) -> list[Row]:
    new_rows: list[Row] = []
    for where, path, replies in threads:
        ranked = [(reply, rank) for reply in replies if (rank := _rank(reply)) is not None]
        if len(ranked) < 2 or _role(path[-1]) != "user":
            continue
        prompt = [{"role": _role(turn), "content": turn.get("text")} for turn in path]
        texts, ranks = [reply.get("text") for reply, _ in ranked], [rank + 1 for _, rank in ranked]
        row = {"id": f"{where.rpartition('row ')[2]}-{len(new_rows) + 1}", "prompt": prompt}
        new_rows.append((where, row | {"responses": texts, "ranks": ranks}))
    if not new_rows:
        raise LensError(
            f"{rows[0][0]} and on: threads of messages, but no question has two answers with a "
            "`rank`. Take a file with ranked answers, such as OpenAssistant's ready trees."
        )
    return new_rows


def _rank(message: dict) -> int | None:
    value = message.get("rank")
    try:
        return None if value is None or value != value else int(float(value))
    except (TypeError, ValueError):
        return None


def _role(message: dict) -> object:
    role = message.get("role")
    return ROLES.get(role.casefold(), role) if isinstance(role, str) else role
