"""What refusals offer leads to pairs, and labels in other words, languages and numbers."""

import json
import re
import subprocess

import pytest

from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.data.check import check_data, warnings
from tests.helpers.pair_rows import read

GOOD, BAD = "Rinse it well, then let it dry.", "No idea about this."
SIDES = ("response_a", "response_b")


def rows(first="A", second="B", name="winner", *, sides=SIDES, **more):
    """The better answer stands first, then second; the label is `first`, then `second`."""
    return [
        {"prompt": "q0", sides[0]: GOOD, sides[1]: BAD, name: first} | more,
        {"prompt": "q1", sides[0]: BAD, sides[1]: GOOD, name: second} | more,
    ]


def offered(given):
    with pytest.raises(LensError) as error:
        read(*given)
    return [json.loads(each) for each in re.findall(r"--columns '(.*?)'(?: |$)", str(error.value))]


def all_good(given, columns=None):
    table, _ = read(*given, columns=columns)
    return list(table["chosen"]) == [GOOD] * 2


@pytest.mark.parametrize("name", ["more_harmful", "which_hallucinates", "Which answer is worse?"])
def test_a_label_for_the_worse_answer_is_offered_both_ways(name):
    better, worse = offered(rows("B", "A", name))
    assert (better, worse) == ({"winner": name}, {"worse": name})
    assert not all_good(rows("B", "A", name), better)
    assert all_good(rows("B", "A", name), worse)


def test_an_offer_that_leads_to_others_gives_way_to_these():
    """A share under an unknown name, which `winner` alone would not settle."""
    first, second = offered(rows("0.9", "0.2", "prob_a"))
    assert (first, second) == ({"first_share": "prob_a"}, {"second_share": "prob_a"})
    assert all_good(rows("0.9", "0.2", "prob_a"), first)


def test_an_offer_that_leads_nowhere_is_left_out_where_another_leads_on():
    given = rows("A", "B", "pick", mode="fast")
    assert offered(given) == [{"winner": "pick"}]
    assert all_good(given, {"winner": "pick"})


@pytest.mark.parametrize(
    ("answers", "scores"),
    [
        (("gpt4", "llama"), ("gpt4_score", "llama_score")),
        (("x_text", "y_text"), ("x_score", "y_score")),
    ],
)
def test_scores_called_after_models_are_offered(answers, scores):
    given = [
        row | dict(zip(scores, values, strict=True))
        for row, values in zip(rows(name="id", sides=answers), ((5, 1), (1, 5)), strict=True)
    ]
    given = [{name: value for name, value in row.items() if name != "id"} for row in given]
    higher = offered(given)[0]
    assert {*higher.values()} == {*answers, *scores}
    assert all_good(given, higher)


@pytest.mark.parametrize("name", ["best_model", "winning_model"])
def test_a_label_that_names_the_best_model(name):
    assert all_good(rows("gpt4", "llama", name, sides=("gpt4_response", "llama_response")))


def test_a_model_is_named_where_its_answers_are_fields_of_an_object():
    given = [
        {"prompt": "q0", "responses": {"gpt": GOOD, "llama": BAD}, "winner": "gpt"},
        {"prompt": "q1", "responses": {"gpt": BAD, "llama": GOOD}, "winner": "llama"},
    ]
    sides = {"first": "responses.gpt", "second": "responses.llama"}
    assert all_good(given, sides | {"winner": "winner"})


@pytest.mark.parametrize(
    "tie",
    ["unentschieden", "Gleich gut", "égalité", "empate", "pareggio", "Both are about the same"],
)
def test_ties_in_other_words(tie):
    table, report = read(*rows(), *rows(tie, tie)[:1])
    assert (len(table), report.ties) == (2, 1)


@pytest.mark.parametrize(("yes", "no"), [("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("VERO", "FALSO")])
def test_truth_values_of_spreadsheets_in_other_languages(yes, no):
    assert all_good(rows(yes, no, "a_is_better"))


@pytest.mark.parametrize("name", ["not_preferred", "less_preferred", "least_preferred_answer"])
def test_a_label_that_negates_what_it_asks_for_is_offered_both_ways(name):
    _, worse = offered(rows("B", "A", name))
    assert worse == {"worse": name}
    assert all_good(rows("B", "A", name), worse)


def test_a_flag_that_negates_what_it_asks_for_is_not_read_as_one():
    with pytest.raises(LensError, match="no column is known to say which is better"):
        read(*rows(False, True, "a_less_preferred"))


def test_a_list_of_answers_under_an_unknown_name_is_offered():
    given = [
        {"prompt": "q0", "pair": [GOOD, BAD], "winner": 1},
        {"prompt": "q1", "pair": [BAD, GOOD], "winner": 2},
    ]
    (columns,) = offered(given)
    assert columns == {"candidates": "pair"}
    assert all_good(given, columns)


def rewritten(given, message):
    """The rows once the Python that a refusal prints has been run."""
    found = re.search(r"rows = \[.*?\](?= -- |$)", message, re.DOTALL)
    names = {"rows": given}
    exec(found[0], names)
    return names["rows"]


def refusal(given):
    with pytest.raises(LensError) as error:
        read_pairs(given)
    return str(error.value)


def test_a_value_that_no_side_has_comes_with_the_command_that_rewrites_it():
    given = [*rows(), *rows("weiss nicht")[:1]]
    message = refusal(given)
    assert 'To write "tie" (or "response_a", "response_b", "skipped") for it: rows = [' in message
    assert read_pairs(rewritten(given, message)).report["form"]["ties"] == 1


NUMBERED = [(("1", "2", "0"), 0), (("0", "1", "2"), 1)]


@pytest.mark.parametrize(("codes", "which"), NUMBERED, ids=["from 1", "from 0"])
def test_numbers_of_annotators_are_written_as_words_by_a_command(codes, which):
    """Of three annotators one says a tie; two agree on the better answer."""
    first, second, tie = map(int, codes)
    given = rows(first, second, "annotator1")
    given = [row | {"annotator2": row["annotator1"], "annotator3": tie} for row in given]
    message = refusal(given).split("a tie: ")[1 + which]
    table = read_pairs(rewritten(given, message), labels="soft").table
    assert list(table["chosen"]) == [GOOD] * 2
    assert list(table["label"]) == pytest.approx([5 / 6] * 2)


def test_annotators_that_say_1_and_2_vote_for_the_first_and_the_second():
    given = rows(1, 2, "annotator_1")
    given = [row | {"annotator_2": row["annotator_1"], "annotator_3": 1} for row in given]
    assert all_good(given)


def test_counts_in_an_object_are_votes():
    given = rows({"A": 3, "B": 1}, {"A": 1, "B": 3}, "votes")
    assert list(read_pairs(given, labels="soft").table["label"]) == [0.75, 0.75]


def test_the_better_and_the_worse_with_more_words_in_their_names():
    given = [
        {"prompt": f"q{i}", "original_response": "Hm.", "good_edited_response": GOOD}
        | {"bad_edited_response": BAD}
        for i in range(2)
    ]
    table, _ = read(*given)
    assert [*table["chosen"], *table["rejected"]] == [GOOD, GOOD, BAD, BAD]


def test_a_signed_label_that_speaks_against_the_columns_is_asked_about():
    given = [
        {"prompt": "q0", "chosen": GOOD, "rejected": BAD, "preference": 1},
        {"prompt": "q1", "chosen": BAD, "rejected": GOOD, "preference": -1},
    ]
    decides, ignored = offered(given)
    assert all_good(given, decides)
    assert not all_good(given, ignored)


@pytest.mark.parametrize("mark", ["<|channel|>", "<extra_id_1>"])
def test_marks_of_unknown_templates_are_warned_of(mark):
    given = [("f, row 1", {"prompt": "q", "chosen": f"{mark}{GOOD}", "rejected": f"{mark}{BAD}"})]
    assert any(mark in warning for warning in warnings(check_data(given)))
    plain = [("f, row 1", {"prompt": "q", "chosen": GOOD, "rejected": f"{BAD} 1 < 2 | 3 > 2"})]
    assert not any("template" in warning for warning in warnings(check_data(plain)))


@pytest.mark.parametrize("name", ["response", "answer"])
def test_a_column_that_stands_twice_is_asked_about_as_pandas_names_it(name):
    given = rows(sides=(name, f"{name}.1"))
    (both,) = offered(given)
    assert both == {"response_a": name, "response_b": f"{name}.1"}
    assert all_good(given, both)


@pytest.mark.slow
def test_a_header_that_names_two_columns_alike_comes_with_the_command_that_numbers_them(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(
        f'prompt,response,response,winner\nq0,"{GOOD}","{BAD}",A\nq1,"{BAD}","{GOOD}",B\n'
    )
    with pytest.raises(LensError, match="row 1: the name 'response' is used twice") as error:
        read_pairs(path)
    subprocess.run(str(error.value).split("With numbers: ")[1], shell=True, check=True)
    table = read_pairs(tmp_path / "pairs.new.csv").table
    assert list(table["chosen"]) == [GOOD] * 2
