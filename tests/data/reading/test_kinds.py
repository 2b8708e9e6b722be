"""Several answers in columns, what names the best one, ratings in words, and rivals among ratings;
each command that a refusal prints is run."""

import json
import re

import pytest

from lens.core.errors import LensError
from lens.data.check import check_data, render
from tests.helpers.pair_rows import read

GOOD, BAD = "Rinse it well, then let it dry.", "No idea about this."
WORSE = f"{BAD} None."


def turned(i, *texts):
    return list(texts) if i % 2 == 0 else [*texts[1:], texts[0]]


def columns(*texts):
    return {f"response_{n}": text for n, text in enumerate(texts, 1)}


def listed(rows=2, **beside):
    """Rows with a list in which the better answer stands first, then last."""
    made = []
    for i in range(rows):
        values = {name: value(i) for name, value in beside.items()}
        made.append({"prompt": f"q{i}", "responses": turned(i, GOOD, BAD, WORSE)} | values)
    return made


def in_columns(**beside):
    return [
        {"prompt": row["prompt"], **columns(*row["responses"])}
        | {n: v for n, v in row.items() if n not in ("prompt", "responses")}
        for row in listed(**beside)
    ]


def rated(good, bad, name="rating"):
    texts = ((GOOD, good), (BAD, bad))
    return [{"prompt": "q", "response": text, name: rating} for text, rating in texts]


def inside(**fields):
    told = [{name: values[k] for name, values in fields.items()} for k in (0, 1)]
    return [{"prompt": "q", "answers": [{"text": GOOD} | told[0], {"text": BAD} | told[1]]}]


READ = {
    "scores in a list": in_columns(scores=lambda i: turned(i, 9, 1, 1)),
    "a score for each": [
        row | {f"score_{n}": s for n, s in enumerate(turned(i, 9, 1, 1), 1)}
        for i, row in enumerate(in_columns())
    ],
    "a rank for each": [
        row | {f"rank_{n}": s for n, s in enumerate(turned(i, 1, 2, 2), 1)}
        for i, row in enumerate(in_columns())
    ],
    "the number of the best": in_columns(best=lambda i: 1 if i % 2 == 0 else 3),
    "the column of the best": in_columns(best=lambda i: "response_1" if i % 2 == 0 else "3"),
    "the letter of the best": listed(winner=lambda i: "a" if i % 2 == 0 else "C"),
    "its position from 0": listed(best_index=lambda i: 0 if i % 2 == 0 else 2),
    "its position from 1": listed(chosen_index=lambda i: 1 if i % 2 == 0 else 3),
    "its text": listed(preferred=lambda i: GOOD),
    "an order with a tie": listed(ranking=lambda i: "A > B = C" if i % 2 == 0 else "C>A=B"),
    "two positions from 1": listed(
        chosen=lambda i: 1 if i % 2 == 0 else 3, rejected=lambda i: 2 if i % 2 == 0 else 1
    ),
    "marks inside": inside(selected=[True, False]),
    "words inside": inside(label=["chosen", "rejected"]),
    "ranks inside": inside(preference_rank=[1, 2]),
    "votes inside": inside(votes=[7, 2]),
    "words": rated("Very good", "poor"),
    "verdicts": rated("thumbs_up", "thumbs_down"),
    "stars": rated("★★★★☆", "★★"),
    "decimal commas": rated("4,5", "3,75"),
}


@pytest.mark.parametrize("name", READ)
def test_the_better_answer_is_found(name):
    table, _ = read(*READ[name])
    assert {*table["chosen"]} == {GOOD}
    assert {*table["rejected"]} <= {BAD, WORSE}


def test_what_is_not_the_best_is_no_tie():
    _, form = read(*READ["the number of the best"])
    assert (form.ties, form.form) == (0, "choice")


def pair(**beside):
    return {"prompt": "q", "chosen": GOOD, "rejected": BAD} | beside


LIST = {"prompt": "q", "responses": [GOOD, BAD]}
# rows, and whether the better answer is chosen by each command that is printed
ASKED = {
    "ranks and scores": ([LIST | {"ranks": [1, 2], "scores": [1, 9]}], [True, False]),
    "ranks and an order": ([LIST | {"ranks": [1, 2], "order": [2, 1]}], [True, False]),
    "rank and score inside": (inside(rank=[1, 2], score=[1, 9]), [True, False]),
    "inside and beside": (
        [inside(score=[9, 1])[0] | {"ratings": [1, 9]}],
        [False, True],
    ),
    "rows with rank and score": (
        [row | {"score": s} for row, s in zip(rated(1, 2, "rank"), (1, 5), strict=True)],
        [False, True],
    ),
    "a winner beside the pair": ([pair(winner="rejected"), pair(winner="chosen")], [None, True]),
    "all scores against the pair": ([pair(scores=[1, 9])] * 2, [True, False]),
    "score columns against it": ([pair(score_chosen=1, score_rejected=9)] * 2, [True, False]),
    "a position from 0 or 1": (
        [{"prompt": f"q{i}", "responses": [BAD, GOOD, WORSE, WORSE], "best": 1} for i in range(2)],
        [False, True],
    ),
    "two positions from 0 or 1": (
        [{"prompt": "q", "responses": [GOOD, BAD, WORSE], "best": 1, "worst": 2}],
        [True, False],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_rivals_are_refused_and_each_command_reads(name):
    rows, right = ASKED[name]
    with pytest.raises(LensError) as refused:
        read(*rows)
    found = re.findall(r"--columns '(\{.*?\})'", str(refused.value))
    assert len(found) == len(right)
    for named, good in zip(found, right, strict=True):
        table, _ = read(*rows, columns=json.loads(named))
        assert good is None or [text == GOOD for text in table["chosen"]] == [good] * len(table)


def test_scores_beside_a_pair_grade_it():
    rows = [
        pair(prompt=f"q{i}", scores=scores) for i, scores in enumerate([[8, 4], [5, 3], [2, 2]])
    ]
    _, form = read(*rows)
    assert (form.ties, form.contradictions, form.unread) == (1, 0, [])


def test_a_winner_that_says_chosen_is_used():
    _, form = read(pair(winner="chosen"))
    assert (form.unread, form.columns["label"]) == ([], "winner")


@pytest.mark.parametrize("word", ["1,200", "3,500", "gut"])
def test_numbers_that_may_be_two_are_none(word):
    with pytest.raises(LensError, match="not a number"):
        read(*rated(word, "1"))


def steps(*marks, name="labels"):
    texts = [GOOD, BAD, WORSE][: len(marks)]
    return {"prompt": f"q{len(marks)}", "completions": texts, name: list(marks)}


@pytest.mark.parametrize(
    "rows", [[steps(True, False)], [steps(True, False), steps(True, False, False)], [steps(1, 0)]]
)
def test_steps_of_one_answer_are_no_rivals(rows):
    with pytest.raises(LensError, match="stepwise supervision") as refused:
        read(*rows)
    (named,) = re.findall(r"--columns '(\{.*?\})'", str(refused.value))
    table, _ = read(*rows, columns=json.loads(named))
    assert {*table["chosen"]} == {GOOD}
    table, _ = read(*(steps(*row["labels"], name="ratings") for row in rows))
    assert {*table["chosen"]} == {GOOD}


def ultrafeedback(overall, fine, **beside):
    return inside(
        **{"overall_score": overall, "fine-grained_score": fine},
        **{name: [value, value] for name, value in beside.items()},
    )[0] | {"prompt": f"q{overall}{fine}"}


RAW = {"annotations": {"helpfulness": {"Rating": "4"}}, "critique": "none"}


def test_scores_of_ultrafeedback_that_disagree_are_counted_where_its_card_decides():
    rows = [ultrafeedback((8, 3), (2, 4), **RAW), ultrafeedback((8, 3), (4, 2), **RAW)]
    table, form = read(*rows)
    assert ({*table["chosen"]}, len(table)) == ({GOOD}, 2)
    assert "In 1 of 2 rows (row 1) `fine-grained_score` orders the answers" in form.overruled
    _, agreed = read(rows[1])
    assert agreed.overruled == ""
    with pytest.raises(LensError, match="put the answers in different orders"):
        read(ultrafeedback((8, 3), (2, 4)))


@pytest.mark.parametrize(
    ("asked", "good", "bad"),
    [
        (["q"], [GOOD], [None]),
        (["q"], [GOOD], None),
        (["q", "r"], [GOOD, GOOD], [BAD, None]),
        (["q", "r"], [GOOD, GOOD], [None, BAD]),
        (["q", "r"], [" ", GOOD], [BAD, BAD]),
    ],
)
def test_an_answer_of_the_arena_that_is_null_is_dropped_and_counted(asked, good, bad):
    both = [asked, good, bad], [["What now?"] * len(asked), [GOOD] * len(asked), ["None"]]
    both[1][2] *= len(asked)
    rows = [
        dict(zip(("prompt", "response_a", "response_b"), map(json.dumps, texts), strict=True))
        | {"winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}
        for texts in both
    ]
    check = check_data([(f"f.csv, row {at}", row) for at, row in enumerate(rows, 1)])
    assert (check.dropped, check.pairs) == ({"empty_response": 1}, 1)
    assert "1 empty response (row 1)" in render(check)
