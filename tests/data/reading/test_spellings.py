"""Forms in which people and tools write preferences, and rows that say two things at once."""

import argparse
import json
import re
import shlex

import pytest

from lens.advice.preferences import read_pairs
from lens.cli.shared.your_data import read_ahead
from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.soft_labels import settled
from lens.data.texts.cures import command
from lens.serving.scoring import Readings
from tests.helpers.spellings import BAD, GOOD, READ


def placed(rows):
    return [(f"x.jsonl, row {number}", row) for number, row in enumerate(rows, 1)]


def tabled(rows, columns=None, labels="hard"):
    pairs, form = to_pairs(placed(rows), columns=columns, graded=True)
    return normalise_pairs(settled(pairs, labels))[0], form


@pytest.mark.parametrize("name", READ)
def test_the_better_answer_and_its_prompt_are_found(name):
    table, form = tabled(READ[name])
    assert {*table["chosen"]} == {GOOD}
    assert {*table["rejected"]} == {BAD}
    assert {json.loads(prompt)[-1]["content"] for prompt in table["prompt"]} == {"q"}
    assert form.telling in ([], ["response_c"])


@pytest.mark.parametrize("name", READ)
def test_scoring_reads_the_same_texts(name):
    table, _ = tabled(READ[name])
    read = [texts for _, texts in Readings("response").read(placed(READ[name]))]
    assert {GOOD, BAD} <= {answer for texts in read for answer in texts.answers}
    assert {json.dumps(texts.prompt) for texts in read} == {*table["prompt"]}


def test_votes_become_labels():
    rows = [{"prompt": "q", "chosen": GOOD, "rejected": BAD, "chosen_votes": 3}]
    rows[0] |= {"rejected_votes": 1, "votes_tie": 4}
    assert tabled(rows, labels="soft")[0]["label"].tolist() == [5 / 8]
    both = READ["votes with ties"]
    assert tabled(both, labels="soft")[0]["label"].tolist() == [0.7, 0.7]
    annotated = READ["a column for each annotator"]
    assert tabled(annotated, labels="soft")[0]["label"].tolist() == [3.5 / 4, 3 / 4]
    assert tabled(READ["a list of votes"], labels="soft")[0]["label"].tolist() == [2 / 3, 3 / 4]


def pair(**more):
    return {"prompt": "q", "chosen": GOOD, "rejected": BAD} | more


TWO_READINGS = {
    "a margin below 0": ([pair(margin=2), pair(margin=-1)], [[GOOD, BAD], [GOOD, GOOD]]),
    "a label below 1/2": ([pair(label=0.9), pair(label=0.2)], [[GOOD, BAD], [GOOD, GOOD]]),
    "more votes against": (
        [pair(chosen_votes=3, rejected_votes=1), pair(chosen_votes=1, rejected_votes=2)],
        [[GOOD, BAD], [GOOD, GOOD]],
    ),
    "scores that differ": (
        [
            pair(score_chosen=5, score_rejected=2, chosen_rating=4, rejected_rating=rating)
            for rating in (2, 4)
        ],
        [[GOOD, GOOD], [GOOD]],
    ),
    "one name in two spellings": (
        [pair(Chosen="other one"), pair(Chosen="another")],
        [[GOOD, GOOD], ["other one", "another"]],
    ),
}


@pytest.mark.parametrize("name", TWO_READINGS)
def test_two_readings_are_refused_and_each_command_gives_one(name):
    rows, expected = TWO_READINGS[name]
    with pytest.raises(LensError) as error:
        tabled(rows)
    given = re.findall(r"--columns ('\{.*?\}')(?= --|$)", str(error.value))
    columns = [json.loads(shlex.split(each)[0]) for each in given]
    assert [tabled(rows, each)[0]["chosen"].tolist() for each in columns] == expected


def test_ids_that_stand_twice_can_be_left_out():
    rows = [pair(id=1), pair(id=1)]
    with pytest.raises(LensError, match=r"""leave them out: lens check .*'\{"id": ""\}'"""):
        tabled(rows)
    assert len(tabled(rows, {"id": ""})[0]) == 2


def test_a_side_may_list_several_answers():
    table, _ = tabled([pair(rejected=[BAD, "worse one"])])
    assert table["rejected"].tolist() == [BAD, "worse one"]
    assert {*table["chosen"]} == {GOOD}


def test_tools_go_with_the_prompt_without_nulls():
    tools = [{"type": "function", "function": {"name": "look", "strict": None}}]
    table, form = tabled([pair(tools=tools), pair(tools=json.dumps(tools))])
    wanted = [{"type": "function", "function": {"name": "look"}}]
    assert [json.loads(prompt)[0]["tools"] for prompt in table["prompt"]] == [wanted] * 2
    assert form.telling == []


def test_marks_that_are_part_of_a_text_stay():
    table, _ = tabled([{"prompt": "q", "chosen": "A is </s> here", "rejected": "<s>b</s>"}])
    assert table[["chosen", "rejected"]].values.tolist() == [["A is </s> here", "<s>b</s>"]]


def test_columns_that_rate_aspects_are_no_votes():
    rows = READ["the better answer's text"]
    rows = [
        {name: cell for name, cell in row.items() if name != "winner"}
        | {"helpful_label": "AB"[at], "safe_label": "A"}
        for at, row in enumerate(rows)
    ]
    with pytest.raises(LensError, match=r"`helpful_label` and `safe_label` may both be the label"):
        tabled(rows)


def test_what_is_not_used_is_warned_of_in_python_too():
    with pytest.warns(UserWarning, match=r"rows given: Not used: `note`\. .*--columns"):
        read_pairs([pair(note="ask again")])


def test_commands_keep_the_revision_of_a_hub_data_set():
    place = "org/pairs@abc123[train], row 7"
    wanted = "lens check data org/pairs --split train --data-revision abc123 --columns "
    assert command(place, {"prompt": "q"}) == wanted + """'{"prompt": "q"}'"""


def message(id, parent, text, role, rank=None):
    return {"message_id": id, "parent_id": parent, "text": text, "role": role, "rank": rank}


FLAT = [message("m", None, "q", "prompter")]
FLAT += [message("b", "m", BAD, "assistant", 1), message("g", "m", GOOD, "assistant", 0)]
TREE = {"replies": [{"text": t, "role": "assistant", "rank": n} for n, t in enumerate([GOOD, BAD])]}
TREE = {"prompt": {"text": "q", "role": "prompter"} | TREE}


@pytest.mark.parametrize("rows", [FLAT, [TREE]])
def test_threads_are_scored_answer_by_answer(tmp_path, rows):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = argparse.Namespace(source=str(path), columns={}, explain=False, chunk=1)
    readings, stream, _ = read_ahead(args, "response")
    ((_, texts),) = readings.read([*stream])
    assert texts.prompt == [{"role": "user", "content": "q"}]
    assert {*texts.answers} == {GOOD, BAD}
