"""Which columns are the prompt, and which hold a part of it, such as a system turn or an input."""

import json
import re

from lens.core.errors import LensError
from lens.data.texts.cells import is_empty, listed
from lens.data.texts.conversations import described_tools, earlier_turns
from lens.data.texts.cures import anew, either
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


def prompt_columns(names: Names, taken: set[str], place: str) -> dict[str, str]:
    """{part: column} of the prompt's parts (`conversations.PARTS`), `taken` columns left out.

    LensError where two columns may be the prompt and their texts differ.
    """
    found = {}
    for part, wanted in (("system", SYSTEMS), ("history", HISTORIES)):
        given = [name for name in names.all(wanted) if name not in taken]
        if filled := [name for name in given if not names.is_empty(name)]:
            found[part] = _only(names, part, filled, place)
    if "system" in found:
        _require_turn(names, found["system"], place)
    if "history" in found:
        _require_speakers(names, found["history"], place)
    parts = names.fixed & {"history", "context", "input"}  # named as parts, beside a prompt
    given = [n for n in names.all(p for p in PROMPTS if p not in parts) if n not in taken]
    given = given or [name for name in names.all(PROMPTS) if name not in taken]
    given = given or [name for name in names.all(("text",)) if name not in taken]
    filled = [name for name in given if not names.is_empty(name) and _may_ask(names, name)]
    tools = next((name for name in names.all(TOOLS) if _are_tools(names, name)), None)
    found |= {"tools": tools} if tools else {}
    main = next(iter(filled or [name for name in given if names.is_empty(name)]), None)
    if main is None:
        return {part: column for part, column in found.items() if part in ("system", "tools")}
    found["prompt"] = main
    if found.get("history") == main:
        del found["history"]
    for name in filled:
        if name not in found.values():
            _place(names, found, name, place)
    for part in ("history", "context", "input"):
        if part in names.fixed and part in names.known and names.known[part] != main:
            found[part] = names.known[part]
    return found


def _are_tools(names: Names, name: str) -> bool:
    """Whether a column describes functions that may be called, as chat templates take them."""
    return bool(names.values(name)) and all(map(described_tools, names.values(name)))


def _only(names: Names, part: str, filled: list[str], place: str) -> str:
    """The first of several columns for a part; LensError where another says something else."""
    for other in filled[1:]:
        if not _is_within(names, other, filled[0]):
            meant = {f"`{name}` is": {part: name} for name in (filled[0], other)}
            raise LensError(
                f"{place}: `{filled[0]}` and `{other}` may both be the prompt's {part}, and are "
                f"not the same. {either(place, meant)}"
            )
    return filled[0]


def _require_turn(names: Names, system: str, place: str) -> None:
    """LensError where a column `system` holds single words, as names of what answered are."""
    if canonical(system) != "system" or "system" in names.fixed:
        return
    said = [text_of(value).strip() for value in names.values(system)]
    if all(map(MODEL.fullmatch, said)):
        meant = {"it is a system turn": {"system": system}, "it is none": {system: ""}}
        raise LensError(
            f"{place}: `{system}` (such as {said[0]!r:.40}) may be a system turn or name what "
            f"answered. {either(place, meant)}"
        )


def _require_speakers(names: Names, history: str, place: str) -> None:
    """LensError where earlier turns are plain texts, and nothing says whose they are."""
    for value in names.values(history):
        texts = listed(value)
        if texts and all(isinstance(text, str) for text in texts):
            name = json.dumps(history)
            turn = '{"role": ["user", "assistant"][at % 2], "content": text}'
            turns = f"[{turn} for at, text in enumerate(listed(row[{name}]))]"
            raise LensError(
                f"{place}: `{history}` lists texts (such as {texts[0]!r:.40}), and nothing says "
                "who said them. If the user began and both took turns: "
                + anew(place, f"row | {{{name}: {turns}}}")
            )


def empty_parts(names: Names, used: set[str]) -> tuple[str, ...]:
    """Columns that would be part of the prompt if they held anything."""
    given = names.all((*SYSTEMS, *HISTORIES, *CONTEXTS, "input"))
    return tuple(name for name in given if name not in used and names.is_empty(name))


def filled_later(
    row: dict, empty: tuple[str, ...], parts: dict[str, str], place: str
) -> dict[str, object]:
    """{part: cell} of `empty_parts` that are filled in this row; LensError if such a column could
    be several parts."""
    found: dict[str, object] = {}
    for name in empty:
        if is_empty(row.get(name)):
            continue
        called, asked = _called(name), _called(parts.get("prompt", ""))
        part = "system" if called in SYSTEMS else "history" if called in HISTORIES else ""
        if (called == "input" or called in CONTEXTS) and asked in ASKING:
            part = "input" if asked == "instruction" else "context"
        if not part or part in parts or part in found:
            main = parts.get("prompt")
            whole = {"prompt": main, "context": name} if main else {"prompt": name}
            raise LensError(
                f"{place}: `{name}` holds something here, but nothing in the rows from which the "
                f"reading was found. {either(place, {'it is part of the prompt': whole})}"
            )
        found[part] = row[name]
    return found


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


def _place(names: Names, found: dict[str, str], other: str, place: str) -> None:
    """Puts another column where it belongs in the prompt; LensError if that is open."""
    main, called = found["prompt"], _called(other)
    asked = _called(main)
    if "prompt" in names.fixed or _is_within(names, other, main) or takes_turns(names, main, other):
        return
    if called in DIALOGUES and _ends_with(names, other, main):
        found["prompt"] = other
        return
    if called == "input" and asked == "instruction":
        found["input"] = other
    elif called in CONTEXTS and asked in ASKING and not _is_dialogue(names, other):
        part = "input" if asked == "instruction" and "input" not in found else "context"
        found[part] = _only(names, part, [*filter(None, [found.get(part)]), other], place)
    elif called in CONTEXTS + HISTORIES and _is_dialogue(names, other):
        found["history"] = other
    elif called in ALTERNATIVES + CONTEXTS and _is_wordy(names, other):
        meant = {
            f"`{main}` alone is the prompt": {"prompt": main},
            f"`{other}` alone is": {"prompt": other},
        }
        if not _is_dialogue(names, other):
            part = "context" if called in CONTEXTS else "input"
            meant["both are"] = {"prompt": main, part: other}
        raise LensError(
            f"{place}: `{main}` and `{other}` may each be the prompt or part of it. "
            f"{either(place, meant)}"
        )


def takes_turns(names: Names, main: str, other: str) -> bool:
    """Whether each row has one of two columns alone, as where posts and articles are mixed."""
    return not names.is_empty(other) and all(
        is_empty(row.get(main)) != is_empty(row.get(other)) for _, row in names.rows
    )


def instead(names: Names, main: str | None, used: set[str]) -> str | None:
    """The column that is the prompt in the rows in which the main one is empty."""
    rest = [name for name in names.all(PROMPTS) if name not in used and name != main]
    if main is None or "prompt" in names.fixed:
        return None
    return next((name for name in rest if takes_turns(names, main, name)), None)


def _called(name: str) -> str:
    """A column's name, or that of an object's field if it says which part of a prompt it is."""
    leaf = canonical(name.rpartition(".")[2])
    return leaf if leaf in PROMPTS else canonical(name)


def _ends_with(names: Names, dialogue: str, asked: str) -> bool:
    """Whether the dialogue's last turn is what the other column asks, in every row."""
    for _, row in names.rows:
        try:
            turns = as_turns(row.get(dialogue))
        except InvalidRowError:
            return False
        if not turns or turns[-1]["content"] != text_of(row.get(asked)).strip():
            return False
    return True


def _is_within(names: Names, other: str, main: str) -> bool:
    """Whether what a column says stands in the other in every row."""
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
