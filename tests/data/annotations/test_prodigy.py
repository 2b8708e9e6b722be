"""Prodigy's choices among options and its comparisons of two answers."""

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs

GOOD, BAD = "Dry it well and keep it warm.", "No idea."


def read(*rows):
    return to_pairs([(f"f, row {n}", row) for n, row in enumerate(rows, 1)])


def choice(accepted, *, by="a", answer="accept", **more):
    options = [{"id": "x", "text": BAD}, {"id": "y", "text": GOOD}]
    about = {"_task_hash": 5, "_input_hash": 4, "_view_id": "choice", "_annotator_id": by}
    return {"text": "What now?", "options": options, "accept": accepted, "answer": answer} | (
        about | more
    )


def comparison(answer, *texts, by="a"):
    accept, reject = ({"text": text} for text in texts)
    mapping = {"A": "accept", "B": "reject"}
    sides = {"A": accept, "B": reject, "accept": accept, "reject": reject, "mapping": mapping}
    return {"input": {"text": "What now?"}, "answer": answer, "_annotator_id": by} | sides


def test_choices_of_several_annotators_are_votes():
    rows = choice(["y"]), choice(["x"], by="b"), choice(["y"], by="c"), choice([], by="d")
    [(_, pair)], report = read(*rows)
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == ("What now?", GOOD, BAD)
    assert (pair["votes_for"], pair["votes_against"], pair["side"]) == (2, 1, "second")
    assert report.judgements == {"annotators": 3, "votes": 3, "skipped": 1}


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_a_task_that_was_not_accepted_is_no_choice(answer):
    [(_, pair)], report = read(choice(["y"]), choice(["x"], by="b", answer=answer))
    assert (pair["chosen"], report.judgements["skipped"]) == (GOOD, 1)
    with pytest.raises(LensError, match="no answer was chosen"):
        read(choice(["y"], answer=answer))


@pytest.mark.parametrize(
    ("answer", "texts"),
    [("accept", (GOOD, BAD)), ("reject", (BAD, GOOD))],
    ids=["accept", "reject"],
)
def test_a_comparison_is_won_by_what_was_accepted(answer, texts):
    [(_, pair)], report = read(comparison(answer, *texts), comparison("ignore", *texts, by="b"))
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == ("What now?", GOOD, BAD)
    assert (pair["votes_for"], report.judgements["skipped"]) == (1, 1)


def test_columns_called_answer_and_options_alone_are_no_export():
    row = {"prompt": "q", "answer": GOOD, "rating": 5, "options": "x"}
    pairs, _ = read(row, row | {"answer": BAD, "rating": 1})
    assert pairs[0][1]["chosen"] == GOOD
