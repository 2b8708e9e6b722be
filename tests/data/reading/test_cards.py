"""Rows as the cards of public sets and the guides of trainers and survey tools have them."""

import json
import re
import shlex

import pytest

from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.data.sources import read_rows
from tests.helpers.pair_rows import read

ASKED, THEN = "How do I do it?", "And what is that?"
LONG, SHORT = "A long and helpful answer.", "A bad one, I fear."


def turns(*texts):
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]


def parts(role, text):
    return {"role": role, "parts": [{"text": text}]}


def refusal(*rows, columns=None):
    with pytest.raises(LensError) as error:
        read(*rows, columns=columns)
    return str(error.value)


def mt_bench(turn, winner="model_b"):
    row = {"question_id": 81, "model_a": "x", "model_b": "y", "judge": "author_2", "turn": turn}
    row |= {"conversation_a": turns(ASKED, SHORT, THEN, f"{SHORT} 2")}
    return row | {"conversation_b": turns(ASKED, LONG, THEN, f"{LONG} 2"), "winner": winner}


def test_a_judgement_of_mt_bench_is_of_the_turn_that_it_names():
    table, form = read(mt_bench(1), mt_bench(2))
    assert form.columns["turn"] == "turn"
    assert table.loc[0, ["chosen", "rejected"]].tolist() == [LONG, SHORT]
    assert json.loads(table["prompt"][0]) == turns(ASKED)
    assert [turn["content"] for turn in json.loads(table["chosen"][1])] == [LONG, THEN, f"{LONG} 2"]
    assert "turn" not in read(mt_bench(2))[1].columns


def test_gemini_tuning_rows_have_parts():
    answers = [(0.0, SHORT), (1.0, LONG)]
    row = {"systemInstruction": parts("system", "Be brief."), "contents": [parts("user", ASKED)]}
    row |= {"completions": [{"score": s, "completion": parts("model", t)} for s, t in answers]}
    table, _ = read(row)
    system = {"role": "system", "content": "Be brief."}
    assert json.loads(table["prompt"][0]) == [system, *turns(ASKED)]
    assert table.loc[0, ["chosen", "rejected"]].tolist() == [LONG, SHORT]


def test_what_a_judge_was_asked_is_no_prompt():
    row = {"orig_instruction": ASKED, "orig_response_A": SHORT, "orig_response_B": LONG}
    row |= {"orig_preference": "B", "instruction": f"Which is better? {SHORT} or {LONG}"}
    assert "`orig_instruction` is: " in refusal(row)
    table, _ = read(row, columns={"prompt": "orig_instruction"})
    assert (json.loads(table["prompt"][0]), table["chosen"][0]) == (turns(ASKED), LONG)


@pytest.mark.parametrize("before", ["", "Question: ", "### "])
def test_answers_that_repeat_the_prompt_are_asked_about(tmp_path, capsys, monkeypatch, before):
    both = {
        side: f"{before}{ASKED}\n{text}" for side, text in (("chosen", LONG), ("rejected", SHORT))
    }
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"prompt": ASKED} | both))
    with pytest.raises(LensError, match="all answers repeat the text of `prompt`") as error:
        read_pairs(path)
    command = shlex.split(str(error.value).rpartition("cut it off: ")[2])
    monkeypatch.setattr("sys.argv", ["-c", command[3]])
    exec(command[2], {})
    assert json.loads(capsys.readouterr().out)["chosen"] == LONG
    kept = read_pairs(path, columns={"prompt": "prompt"}).table
    assert kept["chosen"][0] == both["chosen"].strip()


def test_prompts_of_a_word_or_two_may_stand_in_answers():
    table, _ = read({"prompt": "Say hello", "chosen": "Say hello? Hi.", "rejected": "Say hello."})
    assert len(table) == 1


def test_texts_of_nobody_before_the_prompt_are_asked_about(tmp_path, capsys, monkeypatch):
    path = tmp_path / "x.jsonl"
    row = {"history": [ASKED, SHORT], "prompt": THEN, "chosen": LONG, "rejected": SHORT}
    path.write_text(json.dumps(row))
    with pytest.raises(LensError, match="nothing says who said them") as error:
        read_pairs(path)
    command = shlex.split(str(error.value).rpartition("took turns: ")[2])
    monkeypatch.setattr("sys.argv", ["-c", command[3]])
    exec(command[2], {})
    path.write_text(capsys.readouterr().out)
    assert json.loads(read_pairs(path).table["prompt"][0]) == turns(ASKED, SHORT, THEN)


@pytest.mark.parametrize("name", ["image", "images", "video_path", "Audio", "image_url"])
@pytest.mark.parametrize("value", ["a.png", {"bytes": "ff", "path": None}, ["a.png"]])
def test_what_is_to_be_seen_or_heard_is_refused(name, value):
    row = {"prompt": ASKED, "chosen": LONG, "rejected": SHORT, name: value}
    assert f"""--columns '{{"{name}": ""}}'""" in refusal(row)
    assert len(read(row, columns={name: ""})[0]) == 1
    assert len(read(row | {name: None})[0]) == 1


def test_how_clearly_the_labelled_answer_is_better_grades_it():
    row = {"prompt": ASKED, "response_a": LONG, "response_b": SHORT, "winner": "a"}
    rows = [row | {"strength": strength} for strength in (3, 1, 0, None)]
    found = read_pairs(rows, labels="soft")
    assert found.table["label"].tolist() == [1.0, pytest.approx(2 / 3), 0.5, 1.0]
    assert found.report["form"]["columns"]["strength"] == "strength"
    assert len(read_pairs(rows).table) == 3


@pytest.mark.parametrize(
    ("name", "values"),
    [("AssignmentStatus", ["Approved", "Rejected"]), ("discard", [False, True]), ("is_spam", "01")],
)
def test_rows_that_may_not_count_are_asked_about(tmp_path, capsys, monkeypatch, name, values):
    row = {"prompt": ASKED, "chosen": LONG, "rejected": SHORT}
    rows = [row | {name: value} for value in values]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    with pytest.raises(LensError, match=rf"`{name}` says of rows that they do not count") as error:
        read_pairs(path)
    assert len(read_pairs(path, columns={name: ""})) == 2
    command = shlex.split(str(error.value).rpartition("they do not: ")[2])
    monkeypatch.setattr("sys.argv", ["-c", command[3]])
    exec(command[2], {})
    assert json.loads(capsys.readouterr().out) == rows[0]
    assert len(read(rows[0])[0]) == 1


@pytest.mark.parametrize("name", ["probability", "win_rate", "label"])
def test_shares_beside_a_pair_grade_it(name):
    row = {"prompt": ASKED, "chosen": LONG, "rejected": SHORT}
    found = read_pairs([row | {name: share} for share in (0.9, 0.5)], labels="soft")
    assert found.table["label"].tolist() == [0.9, 0.5]
    assert "the pair is turned round where it is below 0.5: " in refusal(row | {name: 0.2})


def test_votes_in_numbers_are_asked_about():
    rows = [
        {"prompt": ASKED, "response_a": LONG, "response_b": SHORT, "votes": votes}
        for votes in ([0, 0, 1], [0, 1, 1])
    ]
    commands = [json.loads(each) for each in re.findall(r"--columns '(\{.*?\})'", refusal(*rows))]
    chosen = [read(*rows, columns=columns)[0]["chosen"].tolist() for columns in commands]
    assert chosen == [[LONG, SHORT], [SHORT, LONG]]


def test_a_half_or_a_sign_is_a_tie_beside_words():
    row = {"prompt": ASKED, "response_a": LONG, "response_b": SHORT}
    assert read(*(row | {"winner": label} for label in ("A", "=", 0.5)))[1].ties == 2


def test_the_lines_of_qualtrics_below_the_names_are_no_rows(tmp_path):
    path = tmp_path / "x.csv"
    ids = ",".join(f'"{{""ImportId"":""QID{at}""}}"' for at in range(4))
    lines = ["prompt,response_a,response_b,winner", "The prompt,One answer,Another,Which?", ids]
    path.write_text("\n".join([*lines, f'"{ASKED}","{LONG}","{SHORT}",A']))
    ((place, row),) = read_rows(path)
    assert (place[-5:], row["winner"]) == ("row 4", "A")
