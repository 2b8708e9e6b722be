"""Questions for the worse answer, ratings of which lower is better, and marked sets."""

import json
import re
import shlex

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from tests.helpers.argilla_exports import BAD, FIELDS, GOOD, LAYOUTS, said
from tests.helpers.labelstudio_exports import annotation, picks, task


def read(*rows, columns=None):
    return to_pairs([(f"f, row {n}", row) for n, row in enumerate(rows, 1)], columns=columns)


def commands(message):
    """The --columns of each command that a message prints."""
    found = re.findall(r"lens check data f --columns ('.*?')(?= -- |$)", message)
    return [json.loads(shlex.split(each)[0]) for each in found]


def named(answer, question):
    return task(annotation({"choices": [answer]}, "choices", name=question, to="prompt"))


def rated(first, second, question="rating", kind="rating"):
    both = [
        annotation({kind: value}, kind, name=f"{question}_{n}", to=f"answer{n}")
        for n, value in ((1, first), (2, second))
    ]
    return task(both[0] | {"result": both[0]["result"] + both[1]["result"]})


@pytest.mark.parametrize(
    "question",
    ["worse", "Which is worse?", "more harmful", "rejected", "which_hallucinates", "more_generic"],
)
def test_a_question_for_the_worse_answer_is_asked_about(question):
    """BAD is `answer1`; named as the worse answer, GOOD is chosen."""
    with pytest.raises(LensError, match="may mean either") as error:
        read(named("answer1", question))
    better, worse = commands(str(error.value))
    [(_, pair)], _ = read(named("answer1", question), columns=better)
    assert pair["chosen"] == BAD
    [(_, pair)], report = read(named("answer1", question), columns=worse)
    assert (pair["chosen"], pair["rejected"], pair["side"]) == (GOOD, BAD, "second")
    assert report.meanings == {"answer1": {"means": "`answer1` is worse", "rows": 1}}
    assert report.description.startswith("`worse` says which is worse of")


@pytest.mark.parametrize(
    "question",
    ["Which response do you prefer?", "which_one", "more_helpful", "Better answer", "pw"],
)
def test_a_question_for_the_better_answer_is_not_asked_about(question):
    [(_, pair)], _ = read(named("answer2", question))
    assert pair["chosen"] == GOOD


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_argillas_question_for_the_worse_answer_is_asked_about(layout):
    with pytest.raises(LensError, match="names the worse one"):
        read(layout(said("response-1"), name="worse"))
    [(_, pair)], _ = read(layout(said("response-1"), name="worse"), columns={"worse": "worse"})
    assert (pair["chosen"], pair["votes_for"]) == (GOOD, 1)


@pytest.mark.parametrize("question", ["toxicity", "harm", "error"])
def test_ratings_that_may_be_better_when_lower_are_asked_about(question):
    with pytest.raises(LensError, match="higher or with lower") as error:
        read(rated(5, 1, question))
    higher, lower = commands(str(error.value))
    [(_, pair)], _ = read(rated(5, 1, question), columns=higher)
    assert pair["chosen"] == BAD
    [(_, pair)], _ = read(rated(5, 1, question), columns=lower)
    assert pair["chosen"] == GOOD


def test_a_rank_of_each_answer_is_better_when_lower():
    [(_, pair)], _ = read(rated(2, 1, "rank", "number"))
    assert pair["chosen"] == GOOD
    [(_, pair)], _ = read(rated(1, 2))
    assert pair["chosen"] == GOOD


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_several_marked_answers_are_no_ranking(layout):
    """Two of three marked are better than the third, and not one than the other."""
    fields = FIELDS | {"response-3": "Dry it."}
    pairs, _ = read(layout(said(["response-2", "response-3"]), name="acceptable", fields=fields))
    assert [(pair["chosen"], pair["rejected"]) for _, pair in pairs] == [
        (GOOD, BAD),
        ("Dry it.", BAD),
    ]


def test_a_control_that_says_nothing_leaves_its_row_unjudged():
    [(_, pair)], report = read(task(picks("right")), task(picks("none"), number=2))
    assert (pair["chosen"], report.judgements["rows nobody judged"]) == (GOOD, 1)
