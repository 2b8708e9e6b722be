"""Pairs as trainers, hubs and people keep them: the right answer, and the whole prompt."""

import json

import pytest

from lens.core.errors import LensError
from tests.helpers.pair_rows import ASKED, BAD, GOOD, PAIRS, read, said, system, user


def prompt_of(table):
    return json.loads(table["prompt"][0])


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_read_with_their_whole_prompt(name):
    row, prompt = PAIRS[name]
    table, form = read(row)
    assert prompt_of(table) == prompt
    assert (table["chosen"][0], table["rejected"][0]) == ("good", "bad")
    assert form.unread == []


CALL = {"type": "function", "function": {"name": "find", "arguments": {"x": 1}}}
CALLED = [
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "name": "find", "content": "12"},
    GOOD,
]


def test_calls_of_tools_are_part_of_the_answer():
    table, _ = read({"chosen": [*ASKED, *CALLED], "rejected": [*ASKED, BAD]})
    assert prompt_of(table) == ASKED
    turns = json.loads(table["chosen"][0])
    assert [turn["role"] for turn in turns] == ["assistant", "tool", "assistant"]
    assert turns[0]["tool_calls"] == [CALL]
    assert turns[0]["content"] == ""
    assert table["rejected"][0] == "bad"


def test_calls_of_tools_before_the_question_stay_in_the_prompt():
    table, _ = read({"prompt": [*ASKED, *CALLED, *ASKED], "chosen": "good", "rejected": "bad"})
    assert [turn["role"] for turn in prompt_of(table)] == (
        ["user", "assistant", "tool", "assistant", "user"]
    )


def test_conversations_that_part_after_the_first_answer_are_compared_as_a_whole():
    a, b = ([user("q"), said(one), user("more"), said(two)] for one, two in ("wx", "yz"))
    table, _ = read({"conversation_a": a, "conversation_b": b, "winner": "b"})
    assert prompt_of(table) == ASKED
    assert [turn["content"] for turn in json.loads(table["chosen"][0])] == ["y", "more", "z"]


def test_lists_of_questions_and_answers_are_conversations():
    row = {"prompt": '["q", "more"]', "response_a": '["w", "x"]', "response_b": '["y", "z"]'}
    table, _ = read(row | {"winner": "A"})
    assert prompt_of(table) == ASKED
    assert [turn["content"] for turn in json.loads(table["chosen"][0])] == ["w", "more", "x"]


def test_several_good_and_bad_answers_make_each_pair():
    table, _ = read({"prompt": "q", "chosen": ["a", "b"], "rejected": '["c", "d", "e"]'})
    assert len(table) == 6
    assert set(table["chosen"]) == {"a", "b"}


def test_a_json_answer_stays_text():
    row = {"prompt": "q", "chosen": '{"role": "admin"}', "rejected": "[1, 2]"}
    table, _ = read(row)
    assert (table["chosen"][0], table["rejected"][0]) == ('{"role": "admin"}', "[1, 2]")


@pytest.mark.parametrize(
    ("more", "ties"),
    [
        ({"rating_chosen": 5, "rating_rejected": 5}, 1),
        ({"chosen_avg_rating": "4.5", "rejected_avg_rating": "4.5"}, 1),
        ({"Chosen Score": 1, "Rejected Score": 0}, 0),
        ({"score_chosen": 2, "score_rejected": 2.0}, 1),
    ],
)
def test_equal_scores_are_ties(more, ties):
    row = {"prompt": "q", "chosen": "good", "rejected": "bad"}
    other = dict.fromkeys(more, 1) | {next(iter(more)): 2}
    table, form = read({**row, **more}, row | {"prompt": "r"} | other)
    assert (form.ties, len(table)) == (ties, 2 - ties)


REFUSED = {
    "prompts that differ": (
        {"prompt": "name the king", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]},
        r'prompts that differ.*"prompt": ""',
    ),
    "two prompts": (
        {"prompt": "first text", "question": "second text", "chosen": "good", "rejected": "bad"},
        r'`prompt` and `question` may each.*lens check data \'own data.jsonl\' --columns .*"input"',
    ),
    "a context beside a prompt": (
        {"prompt": "what is it", "context": "some passage", "chosen": "good", "rejected": "bad"},
        r'"context": "context"',
    ),
    "two pairs of sides": (
        {"prompt": "q", "answer_chosen": "a", "answer_rejected": "b"}
        | {"better_text": "c", "worse_text": "d"},
        "more than one pair of columns",
    ),
    "messages cut when printed": (
        {"prompt": "q", "chosen": "[{'role': 'assistant', 'content': 'x'}, ...]", "rejected": "b"},
        "cannot be read.*Write it as JSON",
    ),
    "an image": (
        {"prompt": [{"role": "user", "content": [{"type": "image"}]}], "chosen": "a"}
        | {"rejected": "b"},
        "only text can be read",
    ),
    "two system turns": (
        {"system": "Be it.", "prompt": [system("s"), user("q")], "chosen": "a", "rejected": "b"},
        "system column and the prompt's system turn differ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused(name):
    row, message = REFUSED[name]
    with pytest.raises(LensError, match=message):
        read(row)


def test_columns_settle_what_is_open():
    row = {"prompt": "what is it", "context": "some passage", "chosen": "a", "rejected": "b"}
    assert prompt_of(read(row, columns={"prompt": "prompt"})[0]) == [user("what is it")]
    both = read(row, columns={"prompt": "prompt", "context": "context"})[0]
    assert prompt_of(both) == [user("some passage\n\nwhat is it")]
    assert prompt_of(read(row, columns={"context": ""})[0]) == [user("what is it")]
    renamed = {"Frage": "q", "gut": "a", "schlecht": "b"}
    columns = {"prompt": "frage", "chosen": "Gut ", "rejected": "schlecht"}
    assert prompt_of(read(renamed, columns=columns)[0]) == ASKED
