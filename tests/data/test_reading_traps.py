"""Columns that look like something else: names for answers, ties beside them, lost prompt parts."""

import json

import pytest

from lens.advice.own_pairs import read_pairs
from lens.core.errors import LensError

GOOD = ["Rinse it well, then let it dry.", "Oil it twice a year, in the shade."]
BAD = ["I do not know that.", "No idea about this one."]


def rows(make, count=4):
    return [make(i) | {"id": str(i)} for i in range(count)]


def good(i):
    return f"{GOOD[i % 2]} ({i})"


def bad(i):
    return f"{BAD[i % 2]} ({i})"


def sides(first, second):
    """Rows whose better answer stands first in every other row."""

    def make(i):
        better = i % 2 == 0
        return {
            "prompt": f"How is thing {i} cleaned?",
            first: good(i) if better else bad(i),
            second: bad(i) if better else good(i),
        }

    return make


def pair(i, **more):
    return {"prompt": f"How is thing {i} cleaned?", "chosen": good(i), "rejected": bad(i)} | more


def prompt_of(pairs, at=0):
    turns = json.loads(pairs.table.prompt[at])
    return [(turn["role"], turn["content"]) for turn in turns]


NAMES = [
    ("response_1", "response_2", "chosen", "rejected", "response_1", "response_2", {}),
    ("response_1", "response_2", "best", "worst", "Response 1", "Response 2", {}),
    ("response_1", "response_2", "preferred", "rejected", "A", "B", {}),
    ("A", "B", "chosen", "rejected", "A", "B", {}),
    (
        "response_a",
        "response_b",
        "winner",
        "loser",
        "gpt-4",
        "llama",
        {"model_a": "gpt-4", "model_b": "llama"},
    ),
]


@pytest.mark.parametrize(("first", "second", "good_name", "bad_name", "one", "two", "more"), NAMES)
def test_names_of_answers_are_labels(first, second, good_name, bad_name, one, two, more):
    def make(i):
        won, lost = (one, two) if i % 2 == 0 else (two, one)
        return sides(first, second)(i) | {good_name: won, bad_name: lost} | more

    table = read_pairs(rows(make)).table
    assert list(table.chosen) == [good(i) for i in range(4)]


def test_unknown_names_of_models_are_refused():
    make = sides("response_a", "response_b")
    with pytest.raises(LensError, match="must name a side"):
        read_pairs(rows(lambda i: make(i) | {"better": "gpt-4 turbo", "worse": "llama 7b"}))


TIES = [
    lambda tie: {"status": "tie" if tie else "unchanged"},
    lambda tie: {"rating": [9.0, 9.0 if tie else 2.0]},
    lambda tie: {"scores": json.dumps([9, 9 if tie else 2])},
    lambda tie: {"is_tie": tie},
    lambda tie: {"tie": "true" if tie else "false"},
    lambda tie: {"label": "tie" if tie else "chosen"},
    lambda tie: {"score_w": 5, "score_l": 5 if tie else 1},
]


@pytest.mark.parametrize("more", TIES)
def test_ties_beside_chosen_and_rejected_are_none_of_the_wins(more):
    found = read_pairs(rows(lambda i: pair(i, **more(i == 1))))
    assert list(found.table.chosen) == [good(i) for i in (0, 2, 3)]
    assert (found.report["form"]["ties"], found.report["form"]["unread"]) == (1, [])
    soft = read_pairs(rows(lambda i: pair(i, **more(i == 1))), labels="soft").table
    assert list(soft.label) == [1, 0.5, 1, 1]


def test_scores_inside_answers_tell_ties():
    def objects(i):
        texts = {"chosen": good(i), "rejected": bad(i)}
        scores = {"chosen": 5, "rejected": 5 if i == 1 else 1}
        return pair(i) | {side: {"text": texts[side], "score": scores[side]} for side in texts}

    def messages(i):
        return pair(i) | {
            side: [{"role": "assistant", "content": cell["text"], "score": cell["score"]}]
            for side, cell in objects(i).items()
            if side != "prompt"
        }

    for make in (objects, messages):
        found = read_pairs(rows(make))
        assert (len(found.table), found.report["form"]["ties"]) == (3, 1)


FLAGS = [
    lambda tie, first: {"winner": "b" if tie or not first else "a", "tie": tie},
    lambda tie, first: {"winner": "a" if first else "b", "is_tie": int(tie)},
    lambda tie, first: {"a_better": int(first and not tie), "b_better": int(not (first or tie))},
]


@pytest.mark.parametrize("judge", FLAGS)
def test_flags_of_ties_beside_two_answers_count(judge):
    make = sides("response_a", "response_b")
    found = read_pairs(rows(lambda i: make(i) | judge(i == 1, i % 2 == 0)))
    assert list(found.table.chosen) == [good(i) for i in (0, 2, 3)]
    assert found.report["form"]["ties"] == 1
