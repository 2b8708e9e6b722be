"""The steps of one answer, each right or wrong, which are no answers to be compared."""

from lens.core.errors import LensError
from lens.data.reading.sided.words import NO, YES, word_of
from lens.data.texts.cells import listed
from lens.data.texts.cures import command
from lens.data.texts.names import Names

STEPWISE = ("completions", "labels")


def require_no_steps(names: Names, where: str) -> None:
    """LensError where rows have TRL's form for stepwise supervision: `completions` lists the steps
    of an answer, and `labels` says of each whether it is right."""
    steps, labels = (names.known.get(called) for called in STEPWISE)
    if steps is None or labels is None or names.is_empty(labels):
        return
    for _, row in names.rows:
        texts, marks = listed(row.get(steps)) or [], listed(row.get(labels)) or []
        if len(texts) != len(marks) or not all(word_of(mark) in YES | NO for mark in marks):
            return
    rivals = command(where, {"candidates": steps, "ratings": labels})
    raise LensError(
        f"{where}: `{steps}` and `{labels}` are TRL's form for stepwise supervision: the steps of "
        "one answer, each right or wrong, and no answers that could be compared. If they are "
        f"rival answers, of which true marks the better ones: {rivals}"
    )
