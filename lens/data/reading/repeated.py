"""Prompts that hold their answers, and answers that hold their prompt."""

import json

from lens.core.errors import LensError
from lens.data.texts.cells import is_empty
from lens.data.texts.conversations import is_whole
from lens.data.texts.cures import anew, either
from lens.data.texts.names import PROMPTS, Names, text_of, words_of

ANSWERS = ("chosen", "rejected", "first", "second", "response")
LEAST = 3  # words, fewer of which may stand in a text by chance


def require_texts_once(names: Names, columns: dict[str, str], given: dict[str, str]) -> None:
    """LensError where a prompt holds its answers and another column may be the prompt, or where all
    answers hold their prompt; `columns` by their roles, `given` the user's names for columns."""
    asked, answers = columns.get("prompt"), [columns[role] for role in ANSWERS if role in columns]
    if asked is None or not answers or "prompt" in names.fixed:
        return
    if len(answers) == 2:
        _require_no_judge(names, asked, answers)
    _require_prompt_once(names, asked, answers, given)


def _require_prompt_once(
    names: Names, asked: str, answers: list[str], given: dict[str, str]
) -> None:
    """LensError where all answers hold the text of their prompt behind the same words, as where a
    template was filled in."""
    said = [(text_of(row.get(asked)).strip(), row) for _, row in names.rows]
    found = {_before(prompt, row.get(name)) for prompt, row in said for name in answers}
    if len(found) != 1 or None in found or not any(len(p.split()) >= LEAST for p, _ in said):
        return
    place, called = names.rows[0][0], [given.get(name) or name for name in (asked, *answers)]
    prompt, texts = json.dumps(called[0]), json.dumps(called[1:])
    cut = f"row | {{name: row[name].partition(row[{prompt}])[2].strip() for name in {texts}}}"
    raise LensError(
        f"{place}: all answers repeat the text of `{asked}`, which may be part of them or not. "
        f"{either(place, {'it is part of them': {'prompt': asked}})} -- it is not, so cut it off: "
        + anew(place, cut)
    )


def _before(prompt: str, answer: object) -> str | None:
    """What stands before the prompt in an answer; None where it is not there, or not plain text."""
    if not prompt or not isinstance(answer, str) or is_whole(answer) or prompt not in answer:
        return None
    return answer[: answer.index(prompt)].strip()


def _require_no_judge(names: Names, asked: str, answers: list[str]) -> None:
    """LensError where a prompt holds both answers, as what a judge was asked does, and another
    column may be the prompt."""
    if not all(_holds(row, asked, answers) for _, row in names.rows):
        return
    others = [name for name in _prompts(names) if name != asked and name not in answers]
    others = [n for n in others if not any(_holds(row, n, answers) for _, row in names.rows)]
    if others:
        place = names.rows[0][0]
        meant = {f"`{name}` is": {"prompt": name} for name in (*others, asked)}
        raise LensError(
            f"{place}: `{asked}` holds the answers, so it may be what a judge was asked, and not "
            f"the prompt. {either(place, meant)}"
        )


def _holds(row: dict, asked: str, answers: list[str]) -> bool:
    prompt = text_of(row.get(asked))
    said = [text_of(row.get(name)).strip() for name in answers]
    return all(len(text.split()) >= LEAST and text in prompt for text in said)


def _prompts(names: Names) -> list[str]:
    """Columns of texts, in all rows, whose names have a word for a prompt."""
    called = [name for name in names.names if {*PROMPTS} & {*words_of(name)}]
    return [name for name in called if names.is_text(name) and _is_full(names, name)]


def _is_full(names: Names, name: str) -> bool:
    return not any(is_empty(row.get(name)) for _, row in names.rows)
