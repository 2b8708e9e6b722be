"""Numbers with two readings: two votes or two counts, the first or second answer of a list."""

import json
import re
import shlex

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.soft_labels import settled

GOOD, BAD = "Dry it well and keep it warm.", "No idea."


def read(*rows, columns=None):
    placed = [(f"f, row {n}", row) for n, row in enumerate(rows, 1)]
    return to_pairs(placed, columns=columns, graded=True)


def commands(message):
    found = re.findall(r"lens check data f --columns ('.*?')(?= -- |$)", message)
    return [json.loads(shlex.split(each)[0]) for each in found]


def labels(*rows, columns):
    pairs = settled(read(*rows, columns=columns)[0], "soft")
    return [(pair["chosen"], pair["label"]) for _, pair in pairs]


def two(labels):
    return {"prompt": "What now?", "response_1": GOOD, "response_2": BAD, "labels": labels}


@pytest.mark.parametrize("start", [1, 0])
def test_two_numbers_may_be_votes_or_counts(start):
    """As votes, one each is a tie and twice the first number is unanimous; as counts it is not."""
    rows = two([start, start + 1]), two([start, start])
    with pytest.raises(LensError, match="each of two annotators said") as error:
        read(*rows)
    counts, votes = commands(str(error.value))
    assert labels(*rows, columns=votes) == [(GOOD, 0.5), (GOOD, 1.0)]
    share = {1: 2 / 3, 0: 1.0}[start]
    assert labels(*rows, columns=counts) == [(BAD, pytest.approx(share)), (GOOD, 0.5)]


@pytest.mark.parametrize(
    ("told", "label"), [([1, 0], 1.0), ([0.75, 0.25], 0.75), ([3, 1], 0.75), ([2, 0], 1.0)]
)
def test_two_numbers_that_can_only_be_shares_or_counts(told, label):
    assert labels(two(told), columns=None) == [(GOOD, label)]


def test_more_than_two_votes_in_numbers_can_be_named():
    assert labels(two([1, 1, 2]), columns={"votes": "labels"}) == [(GOOD, pytest.approx(2 / 3))]


def listed(winner):
    return {"prompt": "What now?", "responses": [BAD, GOOD], "winner": winner}


@pytest.mark.parametrize("answer", [1, "1", 1.0])
def test_the_number_one_alone_names_either_answer_of_a_list(answer):
    with pytest.raises(LensError, match="may mean either") as error:
        read(listed(answer))
    first, second = commands(str(error.value))
    assert [pair["chosen"] for _, pair in read(listed(answer), columns=first)[0]] == [BAD]
    assert [pair["chosen"] for _, pair in read(listed(answer), columns=second)[0]] == [GOOD]


@pytest.mark.parametrize(
    "both", [(0, 1), (1, 2), ("Response 1", "Response 2"), ("response_0", "response_1"), "AB"]
)
def test_numbers_of_a_list_count_from_where_the_file_does(both):
    pairs, _ = read(*map(listed, both))
    assert [pair["chosen"] for _, pair in pairs] == [BAD, GOOD]


def test_texts_and_ratings_inside_answers_that_are_not_read_are_reported():
    answers = [
        {"text": BAD, "rank": 2, "score": 5, "content": "x", "model": "a"},
        {"text": GOOD, "rank": 1, "score": 9, "content": "y", "model": "b"},
    ]
    [(_, pair)], report = read({"prompt": "What now?", "responses": answers})
    assert pair["chosen"] == GOOD
    assert report.inside == ["responses.content", "responses.score"]


def kept(**beside):
    return {"prompt": "What now?", "chosen": GOOD, "rejected": BAD, **beside}


@pytest.mark.parametrize(
    "name", ["margin", "preference_strength", "overall_preference", "score_diff", "delta"]
)
def test_a_strength_of_0_beside_a_pair_is_a_tie(name):
    rows = [kept(**{name: strength}) for strength in (0, 1, 4)]
    assert labels(*rows, columns=None) == [(GOOD, 0.5), (GOOD, 0.625), (GOOD, 1.0)]


def test_a_strength_below_0_beside_a_pair_is_asked_about():
    rows = [kept(overall_preference=strength) for strength in (-3, 3)]
    with pytest.raises(LensError, match="is -3 for a pair") as error:
        read(*rows)
    turned, left_out = commands(str(error.value))
    assert labels(*rows, columns=turned) == [(BAD, 1.0), (GOOD, 1.0)]
    assert labels(*rows, columns=left_out) == [(GOOD, 1.0), (GOOD, 1.0)]


def test_what_annotators_said_beside_a_pair_is_warned_of():
    _, report = read(kept(annotator_1="rejected", annotator_2="chosen", worker="w7"))
    assert report.telling == ["annotator_1", "annotator_2"]
