"""What a label means: which of two answers is better, read by convention and never guessed."""

import json
import re
import shlex

import pytest

from lens.core.errors import LensError
from lens.data.check import check_data, render
from lens.data.forms import to_pairs
from tests.helpers.labelled_rows import judged
from tests.helpers.pair_rows import read


def winners(rows, columns=None):
    table, form = read(*rows, columns=columns)
    return [text.split()[0] for text in table["chosen"]], form


@pytest.mark.parametrize(
    ("sides", "label", "first", "second"),
    [
        ("letters", "winner", "A", "model_b"),
        ("letters", "Winner", "response_a", "Response B"),
        ("letters", "verdict", "[[A]]", "[[B]]"),
        ("letters", "label", "A>B", "B>>A"),
        ("letters", "label", "A > B", "A<B"),
        ("letters", "preferred", "A is slightly better", "B is much better"),
        ("letters", "winner", "left", "right"),
        ("letters", "winner", 1, 2),
        ("letters", "a_is_better", True, False),
        ("letters", "is_response_a_preferred", "true", "false"),
        ("capitals", "WINNER", "response a", "b"),
        ("numbers", "winner", "1", "2.0"),
        ("numbers", "winner", "model_a", "model_b"),
        ("numbers", "preference_strength", -3, 1),
        ("numbers", "overall_preference", "-1", "2"),
        ("numbers", "label", "response-1", "Response 2"),
        ("from 0", "better_response_id", 0, 1),
        ("from 0", "safer_response_id", 0, 1),
        ("sides", "choice", "left", "answer_right"),
        ("places", "winner", "first", "second"),
        ("SHP", "labels", 1, 0),
        ("models", "Winner", "Model A", "b"),
        ("AlpacaFarm", "preference", 1, 2),
    ],
)
def test_labels_are_read_by_their_convention(sides, label, first, second):
    assert winners(judged(sides, label, first, second, second))[0] == ["first", "second", "second"]


@pytest.mark.parametrize("tie", ["tie", "Tie (both bad)", "A=B", "both", "same", "draw", "equal"])
def test_ties_in_words_are_counted(tie):
    found, form = winners(judged("letters", "winner", "A", tie, "B"))
    assert (found, form.ties) == (["first", "second"], 1)


def test_a_scale_has_its_tie_at_zero_and_keeps_its_strength():
    rows = judged("numbers", "preference_strength", -3, 0, 1)
    pairs, form = to_pairs([(f"row {i}", row) for i, row in enumerate(rows)])
    assert [(pair["side"], pair["strength"], pair["scale"]) for _, pair in pairs] == (
        [("first", 3, 3), ("second", 1, 3)]
    )
    assert form.ties == 1


@pytest.mark.parametrize("nothing", [None, "", float("nan"), "N/A", " ", "skip", "null"])
def test_rows_that_nobody_judged_are_counted(nothing):
    found, form = winners(judged("letters", "winner", nothing, "B", nothing))
    assert (found, form.unjudged, form.ties) == (["second"], 2, 0)


def test_one_of_three_columns_says_who_won():
    rows = judged("letters", "winner_model_a", 1, 0, 0, "")
    for row, (b, tie) in zip(rows, [(0, 0), (1, 0), (0, 1), ("", "")], strict=True):
        row |= {"winner_model_b": b, "winner_tie": tie}
    found, form = winners(rows)
    assert (found, form.ties, form.unjudged) == (["first", "second"], 1, 1)
    with pytest.raises(LensError, match=r"row 1: one of .* must be 1"):
        read(rows[0] | {"winner_tie": 1})


@pytest.mark.parametrize(
    ("scores", "better"),
    [(("score_a", "score_b"), "second"), (("rank_a", "rank_b"), "first")],
)
def test_scores_of_the_sides_judge_where_no_label_does(scores, better):
    rows = judged("letters", scores[0], 1, "2")
    for row in rows:
        row[scores[1]] = 2
    found, form = winners(rows)
    assert (found, form.ties) == ([better], 1)


def test_the_winner_may_be_named_by_its_model():
    rows = judged("letters", "winner", "gpt", "claude", "tie")
    for row in rows:
        row |= {"model_a": "claude", "model_b": "gpt"}
    assert winners(rows)[0] == ["second", "first"]


AMBIGUOUS = {
    "0 and 1 of letters": judged("letters", "label", 0, 1),
    "0 and 1 of numbers": judged("numbers", "label", "0", "1"),
    "ones alone, of letters": judged("letters", "winner", 1, 1),
    "ones alone, of a preference": judged("numbers", "preference", 1, 1),
    "1 and 2 of a preference": judged("numbers", "preference", 1, 2),
    "signs of a preference": judged("numbers", "preference", -1, 2),
    "signs of a margin": judged("letters", "margin", -0.5, 2),
    "shares": judged("letters", "label", 0.2, 0.9),
    "truth": judged("letters", "label", True, False),
    "labels of no SHP": judged("letters", "labels", 0, 1),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_where_two_meanings_are_possible_both_commands_settle_it(name):
    rows = AMBIGUOUS[name]
    with pytest.raises(LensError) as error:
        read(*rows)
    commands = re.findall(r"lens check data .*?\}'", str(error.value))
    assert len(commands) == 2
    found = []
    for command in commands:
        words = shlex.split(command)
        assert words[3] == "own data.jsonl"
        found.append(winners(rows, json.loads(words[-1]))[0])
    assert found[0] != found[1]
    assert {"first", "second"} >= {*found[0], *found[1]}


def test_two_labels_that_differ_are_refused():
    rows = judged("letters", "winner", "A", "B")
    assert winners([row | {"label": row["winner"].lower()} for row in rows])[0] == (
        ["first", "second"]
    )
    with pytest.raises(LensError, match="`winner` and `label` may both be the label"):
        read(*(row | {"label": "a"} for row in rows))


def test_scores_that_speak_against_the_label_are_counted_or_refuse_it():
    rows = [row | {"score_A": 5, "score_B": 2} for row in judged("SHP", "labels", 1, 1, 0)]
    assert winners(rows)[1].contradictions == 1
    with pytest.raises(LensError, match=r"in 3 of 3 rows the scores speak against `labels`"):
        read(*(row | {"labels": 0} for row in rows))


def test_check_data_says_what_labels_mean_and_what_is_not_used():
    rows = judged("letters", "winner", *"AAB", "tie", None)
    rows = [row | {"critique": "some words", "source": "s"} for row in rows]
    places = [(f"f, row {i}", row) for i, row in enumerate(rows, 1)]
    shown = render(check_data(places))
    assert "`A` means that `response_a` is better: 2 rows" in shown
    assert "`B` means that `response_b` is better: 1 row;" in shown
    assert "`tie` means a tie: 1 row" in shown
    assert "`None` means nobody judged: 1 row" in shown
    assert "1 rows that nobody judged" in shown
    assert "`response_a` is the first answer" in shown
    (warning,) = (line for line in shown.splitlines() if line.startswith("Warning: Not used"))
    assert "`critique`" in warning
    assert "`source`" not in warning
    assert "not read     critique, source" in shown
