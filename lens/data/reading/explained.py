"""How rows are read, in words: which column is what, what labels mean, what is not used."""

import json

from lens.core.errors import printable
from lens.data.reading.find import Reading
from lens.data.texts.cells import Row

ROLES = {
    "system": "the system turn",
    "tools": "the functions that may be called",
    "history": "earlier turns",
    "context": "comes before the prompt",
    "prompt": "the prompt",
    "input": "comes after the prompt",
    "chosen": "the better answer",
    "rejected": "the worse answer",
    "score_chosen": "the score of the better answer",
    "score_rejected": "the score of the worse answer",
    "first": "the first answer",
    "second": "the second answer",
    "label": "says which answer is better",
    "turn": "says which turn was judged",
    "tie": "says which rows are ties",
    "share": "the share that prefers the better answer",
    "votes_for": "votes for the better answer",
    "votes_against": "votes for the worse answer",
    "votes_tied": "votes for neither",
    "strength": "says how much better it is",
    "scale": "the largest strength",
    "responses": "the answers",
    "values": "the answers' ratings or ranks",
    "response": "the answer",
    "rating": "the answer's rating",
}


def roles(columns: dict[str, str]) -> str:
    return (
        "; ".join(f"`{column}` is {ROLES[role]}" for role, column in columns.items())
        .replace(" is comes", " comes")
        .replace(" is says", " says")
    )


def in_the_file(text: str, renames: dict[str, str]) -> str:
    """A text with columns called as the file does, where `renames` has other names for them."""
    for ours, theirs in renames.items():
        text = text.replace(f"`{ours}`", f"`{theirs}`") if theirs else text
    return text


def meanings(labels: dict[str, dict]) -> str:
    """What each value of a label means, with its rows."""
    return "; ".join(
        f"`{value}` means {'' if label['means'].startswith(('a ', 'nobody')) else 'that '}"
        f"{label['means']}: {label['rows']:,} row{'s' * (label['rows'] != 1)}"
        for value, label in labels.items()
    )


def unused_warning(named: list[str]) -> str | None:
    """A sentence on columns that are not read although they say more than where a row comes
    from."""
    if not named:
        return None
    names = ", ".join(f"`{name}`" for name in named)
    whole_columns = [name for name in named if "." not in name]
    example = (
        f" (such as '{json.dumps({'system': whole_columns[0]}, ensure_ascii=False)}')"
        if whole_columns
        else ""
    )
    return (
        f"Not used: {names}. If part of the prompt, an answer or a label is there, name it with "
        f"--columns{example}."
    )


def explanation(reading: Reading, rows: list[Row]) -> str:
    """The reading and the first row's texts with their roles, as plain text."""
    lines = [f"form: {reading.form}", f"columns: {roles(reading.columns)}"]
    prepared = reading.prepare(rows)
    if reading.sides and reading.sides.judges:
        sides = reading.sides
        judged = [
            (tuple(row.get(name) for name in sides.judges), sides.judge(row, where))
            for where, row in prepared
        ]
        lines.append(f"labels: {meanings(sides.meanings(judged))}")
    where, row = prepared[0]
    parts, answers = reading.texts(row, where)
    lines.append(f"example: {where}")
    lines += [f"  {part}: {value}" for part, value in parts.items() if value is not None]
    lines += [f"  answer {number}: {value}" for number, value in enumerate(answers, 1)]
    if warning := unused_warning([*reading.telling]):
        lines.append(f"Warning: {warning}")
    return "\n".join(printable(in_the_file(line, reading.renames), 1000) for line in lines)
