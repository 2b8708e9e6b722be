"""Prompts that hold their answers, and answers that hold their prompt."""

import json

from lens.core.errors import LensError
from lens.data.texts.cells import is_empty
from lens.data.texts.conversations import is_whole
from lens.data.texts.cures import either, rewrite_command
from lens.data.texts.names import PROMPTS, Names, text_of, words_of

ANSWERS = ("chosen", "rejected", "first", "second", "response")
LEAST_WORDS = 3  # words, fewer of which may be in a text by chance


def require_texts_once(names: Names, columns: dict[str, str], renames: dict[str, str]) -> None:
    """LensError where a prompt holds its answers and another column may be the prompt, or where all
    answers hold their prompt; `columns` by their roles, `renames` the user's names for columns."""
    prompt, answers = columns.get("prompt"), [columns[role] for role in ANSWERS if role in columns]
    if prompt is None or not answers or "prompt" in names.fixed:
        return
    if len(answers) == 2:
        _require_no_judge(names, prompt, answers)
    _require_prompt_once(names, prompt, answers, renames)


def _require_prompt_once(
    names: Names, prompt: str, answers: list[str], renames: dict[str, str]
) -> None:
    """LensError where all answers hold the text of their prompt behind the same words, as where a
    template was filled in."""
    prompts = [(text_of(row.get(prompt)).strip(), row) for _, row in names.rows]
    leads = {_text_before(text, row.get(name)) for text, row in prompts for name in answers}
    if (
        len(leads) != 1
        or None in leads
        or not any(len(p.split()) >= LEAST_WORDS for p, _ in prompts)
    ):
        return
    where, file_names = names.rows[0][0], [renames.get(name) or name for name in (prompt, *answers)]
    text, answer_names = json.dumps(file_names[0]), json.dumps(file_names[1:])
    cut = f"row | {{name: row[name].partition(row[{text}])[2].strip() for name in {answer_names}}}"
    raise LensError(
        f"{where}: all answers repeat the text of `{prompt}`, which may be part of them or not. "
        f"{either(where, {'it is part of them': {'prompt': prompt}})} -- it is not, so cut it off: "
        + rewrite_command(where, cut)
    )


def _text_before(prompt: str, answer: object) -> str | None:
    """The text before the prompt in an answer; None where the answer is no plain text with the
    prompt in it."""
    if not prompt or not isinstance(answer, str) or is_whole(answer) or prompt not in answer:
        return None
    return answer[: answer.index(prompt)].strip()


def _require_no_judge(names: Names, prompt: str, answers: list[str]) -> None:
    """LensError where a prompt holds both answers, as what a judge was asked does, and another
    column may be the prompt."""
    if not all(_holds_answers(row, prompt, answers) for _, row in names.rows):
        return
    others = [name for name in _prompts(names) if name != prompt and name not in answers]
    others = [
        n for n in others if not any(_holds_answers(row, n, answers) for _, row in names.rows)
    ]
    if others:
        where = names.rows[0][0]
        readings = {f"`{name}` is": {"prompt": name} for name in (*others, prompt)}
        raise LensError(
            f"{where}: `{prompt}` holds the answers, so it may be what a judge was asked, and not "
            f"the prompt. {either(where, readings)}"
        )


def _holds_answers(row: dict, column: str, answers: list[str]) -> bool:
    prompt = text_of(row.get(column))
    texts = [text_of(row.get(name)).strip() for name in answers]
    return all(len(text.split()) >= LEAST_WORDS and text in prompt for text in texts)


def _prompts(names: Names) -> list[str]:
    """Columns of texts, in all rows, whose names have a word for a prompt."""
    columns = [name for name in names.names if {*PROMPTS} & {*words_of(name)}]
    full = [n for n in columns if not any(is_empty(row.get(n)) for _, row in names.rows)]
    return [name for name in full if names.is_text(name)]
