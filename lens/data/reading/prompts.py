"""Which columns are the prompt, and which hold a part of it, such as a system turn or an input."""

import json
import re

from lens.core.errors import LensError
from lens.data.texts.cells import is_empty, listed
from lens.data.texts.conversations import described_tools, earlier_turns
from lens.data.texts.cures import either, rewrite_command
from lens.data.texts.names import (
    ALTERNATIVES,
    CONTEXTS,
    DIALOGUES,
    HISTORIES,
    PROMPTS,
    SYSTEMS,
    TOOLS,
    Names,
    canonical,
    text_of,
)
from lens.data.texts.turns import InvalidRowError, as_turns

MODEL = re.compile(r"[\w./:@-]+", re.ASCII)  # as models' names are, in one word
ASKING = ("question", "query", "instruction")  # which a context goes with


def prompt_columns(names: Names, taken: set[str], where: str) -> dict[str, str]:
    """{part: column} of the prompt's parts (`conversations.PARTS`), `taken` columns left out.

    LensError where two columns may be the prompt and their texts differ.
    """
    parts = {}
    for part, known_names in (("system", SYSTEMS), ("history", HISTORIES)):
        columns = [name for name in names.all(known_names) if name not in taken]
        if filled := [name for name in columns if not names.is_empty(name)]:
            parts[part] = _first_of(names, part, filled, where)
    if "system" in parts:
        _require_turn(names, parts["system"], where)
    if "history" in parts:
        _require_speakers(names, parts["history"], where)
    part_names = names.fixed & {"history", "context", "input"}  # named as parts, beside a prompt
    columns = [n for n in names.all(p for p in PROMPTS if p not in part_names) if n not in taken]
    columns = columns or [name for name in names.all(PROMPTS) if name not in taken]
    columns = columns or [name for name in names.all(("text",)) if name not in taken]
    filled = [name for name in columns if not names.is_empty(name) and _may_ask(names, name)]
    tools = next((name for name in names.all(TOOLS) if _are_tools(names, name)), None)
    parts |= {"tools": tools} if tools else {}
    main = next(iter(filled or [name for name in columns if names.is_empty(name)]), None)
    if main is None:
        return {part: column for part, column in parts.items() if part in ("system", "tools")}
    parts["prompt"] = main
    if parts.get("history") == main:
        del parts["history"]
    for name in filled:
        if name not in parts.values():
            _add_part(names, parts, name, where)
    for part in ("history", "context", "input"):
        if part in names.fixed and part in names.known and names.known[part] != main:
            parts[part] = names.known[part]
    return parts


def _are_tools(names: Names, name: str) -> bool:
    """Whether a column describes functions that may be called, as chat templates take them."""
    return bool(names.values(name)) and all(map(described_tools, names.values(name)))


def _first_of(names: Names, part: str, filled: list[str], where: str) -> str:
    """The first of several columns for a part; LensError where another says something else."""
    for other in filled[1:]:
        if not _is_within(names, other, filled[0]):
            readings = {f"`{name}` is": {part: name} for name in (filled[0], other)}
            raise LensError(
                f"{where}: `{filled[0]}` and `{other}` may both be the prompt's {part}, and are "
                f"not the same. {either(where, readings)}"
            )
    return filled[0]


def _require_turn(names: Names, system: str, where: str) -> None:
    """LensError where a column `system` holds single words, as names of what answered are."""
    if canonical(system) != "system" or "system" in names.fixed:
        return
    texts = [text_of(value).strip() for value in names.values(system)]
    if all(map(MODEL.fullmatch, texts)):
        readings = {"it is a system turn": {"system": system}, "it is none": {system: ""}}
        raise LensError(
            f"{where}: `{system}` (such as {texts[0]!r:.40}) may be a system turn or name what "
            f"answered. {either(where, readings)}"
        )


def _require_speakers(names: Names, history: str, where: str) -> None:
    """LensError where earlier turns are plain texts, and nothing says whose they are."""
    for value in names.values(history):
        texts = listed(value)
        if texts and all(isinstance(text, str) for text in texts):
            name = json.dumps(history)
            turn = '{"role": ["user", "assistant"][at % 2], "content": text}'
            turns = f"[{turn} for at, text in enumerate(listed(row[{name}]))]"
            raise LensError(
                f"{where}: `{history}` lists texts (such as {texts[0]!r:.40}), and nothing says "
                "who said them. If the user began and both took turns: "
                + rewrite_command(where, f"row | {{{name}: {turns}}}")
            )


def empty_parts(names: Names, used: set[str]) -> tuple[str, ...]:
    """Columns that would be part of the prompt if they held anything."""
    columns = names.all((*SYSTEMS, *HISTORIES, *CONTEXTS, "input"))
    return tuple(name for name in columns if name not in used and names.is_empty(name))


def filled_later(
    row: dict, empty: tuple[str, ...], parts: dict[str, str], where: str
) -> dict[str, object]:
    """{part: cell} of `empty_parts` that are filled in this row; LensError if such a column could
    be several parts."""
    filled: dict[str, object] = {}
    for name in empty:
        if is_empty(row.get(name)):
            continue
        part_name, asked = _part_name(name), _part_name(parts.get("prompt", ""))
        part = "system" if part_name in SYSTEMS else "history" if part_name in HISTORIES else ""
        if (part_name == "input" or part_name in CONTEXTS) and asked in ASKING:
            part = "input" if asked == "instruction" else "context"
        if not part or part in parts or part in filled:
            main = parts.get("prompt")
            columns = {"prompt": main, "context": name} if main else {"prompt": name}
            raise LensError(
                f"{where}: `{name}` holds something here, but nothing in the rows from which the "
                f"reading was found. {either(where, {'it is part of the prompt': columns})}"
            )
        filled[part] = row[name]
    return filled


def _may_ask(names: Names, name: str) -> bool:
    """Whether a column can be a prompt: a dialogue only where it ends with the user's turn."""
    if canonical(name.rpartition(".")[2]) not in DIALOGUES and canonical(name) not in DIALOGUES:
        return True
    ends = [_last_role(value) for value in names.values(name)[:50]]
    return bool(ends) and all(role == "user" for role in ends)


def _last_role(value: object) -> str | None:
    try:
        turns = as_turns(value)
    except InvalidRowError:
        return None
    return turns[-1]["role"] if turns else None


def _add_part(names: Names, parts: dict[str, str], other: str, where: str) -> None:
    """Puts another column where it belongs in the prompt; LensError if that is open."""
    main, part_name = parts["prompt"], _part_name(other)
    main_name = _part_name(main)
    if "prompt" in names.fixed or _is_within(names, other, main) or takes_turns(names, main, other):
        return
    if part_name in DIALOGUES and _ends_with(names, other, main):
        parts["prompt"] = other
        return
    if part_name == "input" and main_name == "instruction":
        parts["input"] = other
    elif part_name in CONTEXTS and main_name in ASKING and not _is_dialogue(names, other):
        part = "input" if main_name == "instruction" and "input" not in parts else "context"
        parts[part] = _first_of(names, part, [*filter(None, [parts.get(part)]), other], where)
    elif part_name in CONTEXTS + HISTORIES and _is_dialogue(names, other):
        parts["history"] = other
    elif part_name in ALTERNATIVES + CONTEXTS and _is_wordy(names, other):
        readings = {
            f"`{main}` alone is the prompt": {"prompt": main},
            f"`{other}` alone is": {"prompt": other},
        }
        if not _is_dialogue(names, other):
            part = "context" if part_name in CONTEXTS else "input"
            readings["both are"] = {"prompt": main, part: other}
        raise LensError(
            f"{where}: `{main}` and `{other}` may each be the prompt or part of it. "
            f"{either(where, readings)}"
        )


def takes_turns(names: Names, main: str, other: str) -> bool:
    """Whether each row has one of two columns alone, as where posts and articles are mixed."""
    return not names.is_empty(other) and all(
        is_empty(row.get(main)) != is_empty(row.get(other)) for _, row in names.rows
    )


def other_prompt(names: Names, main: str | None, used: set[str]) -> str | None:
    """The column that is the prompt in the rows in which the main one is empty."""
    others = [name for name in names.all(PROMPTS) if name not in used and name != main]
    if main is None or "prompt" in names.fixed:
        return None
    return next((name for name in others if takes_turns(names, main, name)), None)


def _part_name(name: str) -> str:
    """A column's name, or that of an object's field if it says which part of a prompt it is."""
    leaf = canonical(name.rpartition(".")[2])
    return leaf if leaf in PROMPTS else canonical(name)


def _ends_with(names: Names, dialogue: str, prompt: str) -> bool:
    """Whether the dialogue's last turn is what the other column asks, in every row."""
    for _, row in names.rows:
        try:
            turns = as_turns(row.get(dialogue))
        except InvalidRowError:
            return False
        if not turns or turns[-1]["content"] != text_of(row.get(prompt)).strip():
            return False
    return True


def _is_within(names: Names, other: str, main: str) -> bool:
    """Whether the other column contains what a column says, in every row."""
    return all(
        text_of(row.get(other)).strip() in text_of(row.get(main)) for _, row in names.rows
    ) or all(_turn_texts(row.get(main)) == _turn_texts(row.get(other)) for _, row in names.rows)


def _turn_texts(value: object) -> list[str]:
    return text_of(value).split("\n")


def _is_dialogue(names: Names, name: str) -> bool:
    """Whether a column holds turns, or questions with their answers."""
    try:
        return all(earlier_turns(value) for value in names.values(name)[:50])
    except InvalidRowError:
        return False


def _is_wordy(names: Names, name: str) -> bool:
    return any(" " in text_of(value).strip() for value in names.values(name))
