"""What a refusal tells people to do: commands that lead on and never turn a label round."""

import json
import re
import shlex

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.soft_labels import settled as settled_labels
from tests.helpers.labelled_rows import judged
from tests.helpers.pair_rows import read


def commands(message):
    """The --columns of all commands that a message prints."""
    found = re.findall(r"lens check data .*?--columns ('[^']*')", message)
    return [json.loads(shlex.split(each)[0]) for each in found]


def refusal(rows, columns=None):
    with pytest.raises(LensError) as error:
        read(*rows, columns=columns)
    return str(error.value)


def winners(rows, columns=None):
    table, _ = read(*rows, columns=columns)
    return [text.split()[0] for text in table["chosen"]]


SIDES = (("first", "second"), ("second", "first"))


@pytest.mark.parametrize(
    ("label", "values", "asked"),
    [
        ("opinion", ["a", "b"], [{"winner": "opinion"}]),
        ("Which one?", ["Response A", "B"], [{"winner": "Which one?"}]),
        ("likert", [1, 7], [{f"1_is_{a}_7_is_{b}": "likert"} for a, b in SIDES]),
        ("worst", [0, 1], [{"first_is_better": "worst"}, {"second_is_better": "worst"}]),
        ("bad one", ["x", "y"], []),
    ],
)
def test_of_two_answers_the_label_is_asked_for_and_never_taken_from_their_order(
    label, values, asked
):
    assert commands(refusal(judged("letters", label, *values))) == asked


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("loser", ["b", "a"]),
        ("worse", ["response_b", "response_a"]),
        ("rejected", ["B", "A"]),
        ("b_is_worse", [True, False]),
        ("a_rejected", [0, 1]),
    ],
)
def test_what_names_the_worse_answer_is_read_so(label, values):
    assert winners(judged("letters", label, *values)) == ["first", "second"]


@pytest.mark.parametrize("more", [{"person_1": "a", "person_2": "a"}, {"remark": "w " * 40}])
def test_no_column_is_offered_as_the_label_that_may_be_none(more):
    rows = [row | more for row in judged("letters", "id", 1, 2)]
    message = refusal(rows)
    assert commands(message) == []
    assert "Look at it: python -c " in message


def test_of_one_answer_a_row_the_rating_is_asked_for():
    rows = [{"prompt": "q", "response": f"r {word}", "thumbs": word} for word in ("up", "down")]
    assert commands(refusal(rows)) == [{"rating": "thumbs"}]


@pytest.mark.parametrize("values", [(1, 2), (0, 1), (1, 0)])
def test_a_rating_of_unknown_direction_is_asked_for_with_both(values):
    rows = [{"prompt": "q", "response": f"r {value}", "place": value} for value in values]
    assert commands(refusal(rows)) == [{"rating": "place"}, {"rank": "place"}]


@pytest.mark.parametrize("names", [("gpt", "llama"), ("response_j", "response_k"), ("old", "new")])
def test_texts_of_unknown_kind_may_be_better_or_worse(names):
    rows = [dict.fromkeys(names, f"text {i}") | {"prompt": f"q{i}"} for i in range(2)]
    one, two = names
    assert commands(refusal(rows)) == [
        {"chosen": one, "rejected": two},
        {"chosen": two, "rejected": one},
    ]


def settled(rows):
    """The winners by each command that a refusal prints."""
    return [winners(rows, columns) for columns in commands(refusal(rows))]


@pytest.mark.parametrize(
    ("sides", "values"),
    [
        ("numbers", [1, 2, 0]),
        ("numbers", [1, 2, 3]),
        ("numbers", [1, 2, -1]),
        ("letters", [1, 2, 0]),
        ("from 0", [0, 1, 2]),
        ("from 0", [0, 1, 3]),
        ("from 0", [0, 1, -1]),
        ("numbers", [1, 2, 1.5]),
    ],
)
def test_a_number_for_ties_leaves_the_sides_as_they_are(sides, values):
    assert ["first", "second"] in settled(judged(sides, "winner", *values))


@pytest.mark.parametrize("tie", [1.5, 0])
def test_alpaca_eval_grades_from_1_to_2(tie):
    rows = judged("AlpacaFarm", "preference", 1.2, tie, 1.9)
    assert winners(rows) == ["first", "second"]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([1, 7], [(1, 7)]),
        ([2, 6], [(1, 7)]),
        ([0, 5, 10], [(0, 10)]),
        ([1, 4, 5], [(1, 5)]),
        ([1, 3, 4], [(1, 4), (1, 5)]),
        ([0.5, 3], [(0, 5)]),
        ([2, 150], [(1, 150)]),
    ],
)
@pytest.mark.parametrize("label", ["preference", "winner", "score"])
def test_a_scale_without_a_sign_is_not_read_as_one_with_a_sign(label, values, ends):
    rows = judged("numbers", label, *values)
    sides = [("first", "second"), ("second", "first")]
    asked = [
        {f"{low}_is_{one}_{high}_is_{other}": label} for low, high in ends for one, other in sides
    ]
    assert commands(refusal(rows)) == asked
    for columns, better in zip(asked, ("first", "second") * 2, strict=False):
        assert winners(rows, columns)[0] == better


@pytest.mark.parametrize(
    ("sides", "values"), [("letters", "AB"), ("from 0", [0, 1]), ("numbers", [1, 2])]
)
def test_a_label_that_scores_speak_against_is_kept_or_left_out(sides, values):
    rows = judged(sides, "winner", *values)
    low, high = (("a", "b"), ("0", "1"), ("1", "2"))[("letters", "from 0", "numbers").index(sides)]
    for row, (first, second) in zip(rows, [(1, 9), (9, 1)], strict=True):
        row |= {f"score_{low}": first, f"score_{high}": second}
    assert settled(rows) == [["first", "second"], ["second", "first"]]


def test_a_command_keeps_the_columns_that_were_named_before():
    rows = [row | {"ask": row["prompt"]} for row in judged("letters", "sign", 0, 1)]
    rows = [{name: value for name, value in row.items() if name != "prompt"} for row in rows]
    named = {"prompt": "ask", "winner": "sign"}
    assert commands(refusal(rows, named)) == [
        {"prompt": "ask", "first_is_better": "sign"},
        {"prompt": "ask", "second_is_better": "sign"},
    ]


@pytest.mark.parametrize("kinds", [("score", "rating"), ("rank", "score"), ("helpfulness", "rank")])
def test_of_several_scores_the_named_ones_judge(kinds):
    rows = judged("letters", "id", 1, 2)
    for row, (first, second) in zip(rows, [(5, 1), (1, 5)], strict=True):
        for kind in kinds:
            ends = ("b", "a") if kind == "rank" else ("a", "b")
            row |= {f"{kind}_{ends[0]}": first, f"{kind}_{ends[1]}": second}
    assert settled(rows) == [["first", "second"]] * 2


def test_hashes_of_answers_are_no_answers_and_ids_count_from_0():
    rows = judged("from 0", "better_response_id", 0, 1)
    rows = [row | {"output_0_sha256": "9f86 d0", "output_1_sha256": "81 88"} for row in rows]
    assert winners(rows) == ["first", "second"]
    renamed = {"response_a": "output_0", "response_b": "output_1"}
    assert winners(rows, renamed) == ["first", "second"]


def test_a_row_without_a_key_is_read_without_it():
    first, second, third = judged("letters", "winner", "A", "B", "A")
    del third["winner"]
    table, form = read(first, second | {"system": "Be so.", "history": [["a", "b"]]}, third)
    assert [text.split()[0] for text in table["chosen"]] == ["first", "second"]
    assert [len(json.loads(prompt)) for prompt in table["prompt"]] == [1, 4]
    assert form.unjudged == 1
    other = {("question" if name == "prompt" else name): v for name, v in second.items()}
    assert "split the file" in refusal([first, other])


TEN = [f"r{i}" for i in range(10)]


@pytest.mark.parametrize(
    ("name", "answers", "values"),
    [
        ("ranks", ["r1", "r0"], [1, 0]),
        ("rank", ["r1", "r0"], [2, 1]),
        ("rankings", ["r1", "r0"], [1, 0]),
        ("preference_order", ["r1", "r0"], [2, 1]),
        ("order", TEN[::-1], list(range(10, 0, -1))),
        ("order", TEN[::-1], list(range(9, -1, -1))),
        ("ranking", TEN[::-1], [f"response {i}" for i in range(10, 0, -1)]),
    ],
)
def test_ranks_and_orders_may_count_from_0_or_1(name, answers, values):
    rows = [{"prompt": f"q{i}", "responses": answers, name: values} for i in range(2)]
    table, _ = read(*rows)
    assert all(chosen < rejected for chosen, rejected in table[["chosen", "rejected"]].to_numpy())


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        (
            [row | {"score_A": 0, "score_B": 0} for row in judged("letters", "choices made", 1, 2)],
            {"winner": "choices made"},
        ),
        (
            [{"prompt": "q", "responses": TEN, "ratings": [0] * 10, "stars": [*range(10)]}] * 2,
            {"ratings": "stars"},
        ),
    ],
)
def test_scores_that_only_hold_a_place_are_named(rows, asked):
    message = refusal(rows)
    assert commands(message)[0] == asked
    assert "only holds the place of a rating" in message


ALIKE = ["Both are equally good", "About equal", "about the same", "neutral", "Tie - both bad"]
NOBODY = ["I can't tell", "pending", "not labeled", "?", "I don't know", "cannot decide"]


@pytest.mark.parametrize("word", [*ALIKE, *NOBODY])
def test_ties_and_unjudged_rows_have_one_vocabulary_in_files_and_exports(word):
    rows = judged("numbers", "winner", "1", word, "2")
    table, form = read(*rows)
    assert (form.ties, form.unjudged) == ((1, 0) if word in ALIKE else (0, 1))
    assert len(table) == 2
    tasks = [
        {
            "data": {name: text for name, text in row.items() if name != "winner"},
            "annotations": [
                {"result": [{"from_name": "c", "value": {"choices": [row["winner"]]}}]}
            ],
        }
        for row in rows
    ]
    table, form = read(*tasks)
    assert (len(table), form.ties) == (2, int(word in ALIKE))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1, 0], [0, 1]),
        ([0.8, 0.2], "[0.3, 0.7]"),
        ("L", "R"),
        ("Response A is better than Response B", "response B is much better than A"),
        ("strongly prefer A", "I slightly prefer Response B"),
    ],
)
def test_labels_that_speak_of_both_sides(first, second):
    assert winners(judged("letters", "winner", first, second)) == ["first", "second"]


def test_a_winner_named_by_its_model_beside_columns_named_by_models():
    rows = judged(("model_a_response", "model_b_response"), "winner", "gpt", "llama")
    assert winners([row | {"model_a": "gpt", "model_b": "llama"} for row in rows]) == (
        ["first", "second"]
    )


def test_votes_of_the_sides_are_shares():
    rows = [row | {"votes_a": 3, "votes_b": 1} for row in judged("letters", "id", 1, 2)]
    rows += [row | {"votes_a": 1, "votes_b": 1} for row in judged("letters", "id", 3)]
    places = [(f"f, row {i}", row) for i, row in enumerate(rows, 1)]
    given, _ = to_pairs(places, graded=True)
    assert [pair["label"] for _, pair in settled_labels(given, "soft")] == [0.75, 0.75, 0.5]
