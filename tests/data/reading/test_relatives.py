"""Relatives of known forms: the answer that begins with "good" is the better one."""

import json

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from tests.helpers.pair_rows import read
from tests.helpers.spellings import BAD, GOOD, two

TREE = {"role": "prompter", "text": "q", "children": []}
for rank, text in enumerate((GOOD, BAD)):
    TREE["children"] += [{"role": "assistant", "text": text, "rank": rank, "children": []}]


def beside(name, good, bad):
    return two("response_a", "response_b", **{name: (good, bad)})


READ = {
    "a verdict in brackets after reasons": beside(
        "judgment", "Both are fine, B is short. [[A]]", "A is long. My final verdict: [[B>>A]]"
    ),
    "words for each answer": two(
        "response_a", "response_b", rating_a=("good", "poor"), rating_b=("bad", "excellent")
    ),
    "a loser by its column's name": two("gpt", "llama", loser=("llama", "gpt")),
    "a letter with marks round it": beside("label", "(A)", "**B.**"),
    "models in columns that end so": two(
        *("response_1", "response_2"),
        response_1_model=("gpt", "gpt"),
        response_2_model=("llama", "llama"),
        winner=("gpt", "llama"),
    ),
    "numbered sides": [
        {"prompt": "q", "chosen_1": GOOD, "chosen_2": f"{GOOD} too", "rejected_1": BAD}
    ],
    "one chosen, several rejected": [
        {"prompt": "q", "chosen": GOOD, "rejected_1": BAD, "rejected_2": f"{BAD} too"}
    ],
    "children": [TREE],
}


@pytest.mark.parametrize("name", READ)
def test_relatives_are_read(name):
    table = read(*READ[name])[0]
    assert all(table["chosen"].str.startswith("good"))
    assert all(table["rejected"].str.startswith("bad"))
    assert {json.loads(prompt)[-1]["content"] for prompt in table["prompt"]} == {"q"}


def test_each_of_several_chosen_answers_is_paired_with_each_rejected_one():
    row = {f"chosen_{n}": f"{GOOD} {n}" for n in (1, 2)}
    row |= {f"rejected_{n}": f"{BAD} {n}" for n in (1, 2, 3)} | {"prompt": "q"}
    table = read(row, row | {"prompt": "p", "chosen_2": "", "rejected_3": None})[0]
    assert len(table) == 6 + 2


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        (["one", "two"], "one\n\ntwo\n\nq"),
        ([{"title": "t", "text": "one"}, {"text": "two"}], "t\none\n\ntwo\n\nq"),
        ([{"title": "t", "content": "one"}], "t\none\n\nq"),
    ],
)
def test_documents_come_before_the_question(documents, said):
    row = {"question": "q", "documents": documents, "chosen": GOOD, "rejected": BAD}
    (prompt,) = read(row)[0]["prompt"]
    assert json.loads(prompt)[-1]["content"] == said


@pytest.mark.parametrize("name", ["gpt-4", "B", "ChatGPT", "meta/llama-2:7b"])
def test_a_system_that_may_be_a_model_is_asked_for(name):
    rows = [row | {"system": name} for row in beside("winner", "A", "B")]
    with pytest.raises(LensError, match=r"name what answered.*\"system\": \"system\".*: \"\""):
        read(*rows)
    for columns, turns in (({"system": "system"}, 2), ({"system": ""}, 1)):
        (prompt, *_) = read(*rows, columns=columns)[0]["prompt"]
        assert len(json.loads(prompt)) == turns


def test_a_share_may_be_in_percent():
    for values in ((73, 20), ("73%", "20 %"), (0.73, 0.2)):
        rows = list(enumerate(beside("win_rate", *values)))
        places = [(f"f, row {at}", row) for at, row in rows]
        with pytest.raises(LensError, match="the share that prefers `response_a`"):
            to_pairs(places)
        pairs, _ = to_pairs(places, columns={"first_share": "win_rate"}, graded=True)
        assert [pair["label"] for _, pair in pairs] == pytest.approx([0.73, 0.8])
        assert all(pair["chosen"] == GOOD for _, pair in pairs)


def test_all_parts_of_an_instruction_are_joined():
    row = {"instruction": "q", "input": "it", "context": "c", "chosen": GOOD, "rejected": BAD}
    assert json.loads(read(row)[0]["prompt"][0])[-1]["content"] == "c\n\nq\n\nit"
    row = {"question": "q", "context": "c", "document": "d", "chosen": GOOD, "rejected": BAD}
    with pytest.raises(LensError, match="`context` and `document` may both be"):
        read(row)


def test_verdicts_that_differ_are_no_verdict():
    with pytest.raises(LensError, match="must name a side"):
        read(*beside("judgment", "[[A]] or [[B]]", "[[B]]"))


def test_sides_that_differ_in_the_system_turn_alone_are_dropped_as_such():
    asked, said = [{"role": "user", "content": "q"}], {"role": "assistant", "content": GOOD}
    row = {"chosen": [{"role": "system", "content": "s"}, *asked, said]}
    with pytest.raises(LensError, match="different system turns"):
        read(row | {"rejected": [*asked, said | {"content": BAD}]})


def test_an_answer_that_is_null_beside_objects_is_no_crash():
    rows = [("f, row 1", {"prompt": "q", "responses": [{"body": "x", "mark": 1}, None]})]
    with pytest.raises(LensError):
        to_pairs(rows)
