"""What `lens check data` counts, warns of and prints."""

import json
from dataclasses import replace

import pytest

from lens.core.errors import LensError, printable
from lens.data.check import check_data, render, warnings

FIRST = {"role": "user", "content": "Hi"}
SECOND = [{"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Why?"}]


def numbered(*rows):
    return [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]


def pair(prompt, chosen, rejected, **more):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


ROWS = [
    pair("p", "abcd", "xy"),
    pair("p", "abcd", "xy"),
    pair("p", "xy", "abcd"),
    pair("P ", "same", "size"),
    pair([FIRST, *SECOND], "a", "bcdefg"),
    pair("q", "", "b"),
    pair("q", "b", "b "),
    pair("q", "c", "c"),
]


def test_counts_by_hand():
    check = check_data(numbered(*ROWS))
    assert (check.rows, check.pairs_made, check.pairs) == (8, 8, 5)
    assert check.dropped == {"empty_response": 1, "identical_responses": 2}
    assert check.first_dropped["identical_responses"] == ["f, row 7", "f, row 8"]
    assert (check.prompts, check.most_pairs_per_prompt) == (2, 4)
    assert (check.duplicates, check.contradicting_pairs) == (1, 3)
    assert (check.single_turn, check.multi_turn) == (4, 1)
    assert check.characters == {
        "prompt": {"median": 1, "max": 11},
        "chosen": {"median": 4, "max": 4},
        "rejected": {"median": 4, "max": 6},
    }
    assert check.longer_answer_wins == 0.5  # 2 longer, 1 alike, 2 shorter
    assert check.example == {
        "place": "f, row 1",
        "prompt": "user: p",
        "chosen": "abcd",
        "rejected": "xy",
    }


def test_prompts_are_counted_as_they_are_grouped():
    rows = numbered(pair([FIRST, *SECOND], "a", "b"), pair("Hi", "a", "b"))
    assert check_data(rows).prompts == 2
    assert check_data(rows, group_by="first_turn").prompts == 1


def test_ratings_follow_the_rule():
    row = {"prompt": "p", "responses": ["a", "b", "c", "d"], "ratings": [1, 2, 3, 3]}
    assert check_data(numbered(row)).pairs == 5
    check = check_data(numbered(row), pair_rule="best_worst")
    assert (check.pairs, check.pair_rule) == (1, "best_worst")
    assert check.example["place"] == "f, row 1, responses 3 over 1"


def test_nothing_usable_stops():
    with pytest.raises(LensError, match="no usable pair among 1 rows"):
        check_data(numbered(pair("p", "a", "a")))


def calm():
    """A check with nothing to warn of."""
    rows = [pair(f"p{i}", "abc"[: 1 + i % 3], "x" * (3 - i % 3)) for i in range(60)]
    return check_data(numbered(*rows))


def test_no_warning_without_a_reason():
    assert warnings(calm()) == []


@pytest.mark.parametrize(
    ("change", "beginning"),
    [
        ({"pairs": 49, "most_pairs_per_prompt": 1}, "Few pairs (49)"),
        ({"prompts": 1}, "All pairs share one prompt"),
        ({"most_pairs_per_prompt": 13}, "One prompt holds 22% of the pairs"),
        ({"longer_answer_wins": 0.61}, "The longer answer wins in 61%"),
        ({"longer_answer_wins": 0.39}, "The longer answer wins in 39%"),
        ({"contradicting_pairs": 4}, "4 pairs contradict one another"),
        ({"duplicates": 3}, "3 pairs are exact copies of earlier ones"),
    ],
)
def test_each_warning_has_its_reason(change, beginning):
    (warning,) = warnings(replace(calm(), **change))
    assert warning.startswith(beginning)


def test_bounds_themselves_are_no_reason():
    check = replace(calm(), pairs=50, most_pairs_per_prompt=10, longer_answer_wins=0.6)
    assert warnings(check) == []


def test_scores_that_speak_against_labels_are_warned_of():
    row = pair("p", "a", "b", score_chosen=1, score_rejected=2)
    found = warnings(check_data(numbered(row)))
    assert any(
        warning.startswith("In 1 pairs the chosen answer is scored below") for warning in found
    )


def test_text_from_data_cannot_steer_the_terminal():
    evil = "\x1b]0;owned\x07\r\n\u202e\x9b31m\x00"
    row = pair(evil + "p", evil + "a", evil + "b" + "c" * 999, **{evil: 1})
    shown = render(check_data([(f"{evil}, row 1", row)]))
    assert all(char.isprintable() for line in shown.split("\n") for char in line)
    assert "\\x1b]0;owned\\x07\\r\\n\\u202e\\x9b31m\\x00" in shown
    assert "c" * 300 not in shown


def test_long_text_is_shortened():
    assert printable("abcdefgh", 8) == "abcdefgh"
    assert printable("abcdefghi", 8) == "abcde..."
    assert printable("half of a pair: \ud800") == "half of a pair: \\ud800"
    assert printable("na\u00efve \u4f60\u597d") == "na\u00efve \u4f60\u597d"


# The command


@pytest.fixture
def data_file(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_the_command_prints_text(data_file, lens, capsys):
    lens("check", "data", data_file)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "form         pair: `chosen` is preferred to `rejected`; the prompt is `prompt`",
        "not read     -",
        "rows         8 (16 responses, 0 unrated)",
        "pairs        5 usable of 8 made; 0 ties dropped, 0 prompts without a pair",
        "dropped      1 empty response (row 6); 2 identical responses (row 7; row 8)",
    ]
    assert [line.split(":")[0] for line in lines if line.startswith("Warning")] == ["Warning"] * 4


def test_the_command_prints_json(data_file, lens, capsys):
    lens("check", "data", data_file, "--json", "--group-by", "first_turn")
    found = json.loads(capsys.readouterr().out)
    assert found["form"]["form"] == "pair"
    assert (found["pairs"], found["prompts"], found["duplicates"]) == (5, 2, 1)
    assert len(found["warnings"]) == 4


def test_columns_and_rule_are_passed_on(tmp_path, lens, capsys):
    path = tmp_path / "own.csv"
    path.write_text("q;text;mark\n" + "".join(f"p;a{i};{i}\n" for i in range(4)))
    columns = '{"prompt": "q", "rating": "mark"}'
    for rule, pairs in [("all", 6), ("adjacent", 3), ("best_worst", 1)]:
        lens("check", "data", path, "--columns", columns, "--pairs", rule, "--json")
        assert json.loads(capsys.readouterr().out)["pairs"] == pairs


@pytest.mark.slow
def test_a_hub_dataset_is_read_by_split(tmp_path, lens, capsys, monkeypatch):
    """A local folder stands for the Hub: the loading code is the same."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set").mkdir()
    row = {"prompt": "p", "answers": [{"answer": "a", "rank": 2}, {"answer": "b", "rank": 1}]}
    (tmp_path / "set/test.jsonl").write_text(json.dumps(row) + "\n")
    lens("check", "data", tmp_path / "set", "--split", "test", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["form"]["form"] == "ranking"
    assert (found["example"]["chosen"], found["example"]["rejected"]) == ("b", "a")


def test_the_command_explains_what_is_wrong(data_file, tmp_path, fail, lens, capsys):
    assert "no such file" in fail("check", "data", tmp_path / "none.csv")
    for columns in ("x", "[]", '{"prompt": ["p"]}'):
        with pytest.raises(SystemExit):
            lens("check", "data", data_file, "--columns", columns)
        assert "is not a JSON object of names" in capsys.readouterr().err
    assert "no column ['q']" in fail("check", "data", data_file, "--columns", '{"prompt": "q"}')
