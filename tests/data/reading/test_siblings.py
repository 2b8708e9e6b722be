"""Siblings of known forms: the answer that begins with "good" is the better one."""

import json

import pytest

from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.data.check import check_data
from tests.helpers.pair_rows import read
from tests.helpers.spellings import BAD, GOOD, two


def beside(name, good, bad):
    """Two answers with a column in which `good` says that the first is better."""
    return two("response_a", "response_b", **{name: (good, bad)})


def models(name, one="gpt-4", other="llama 3", **more):
    """Answers in columns named after models, and a column that names the better one."""
    return [row | more for row in two(one, other, **{name: (one, other)})]


def graded(**more):
    """CodeUltraFeedback: ratings in a list of objects beside the answers, told by the model."""
    rows = []
    for turn in (1, -1):
        answers = [{"model": "x", "response": GOOD}, {"model": "y", "response": BAD}][::turn]
        ratings = [{"model": "x", "rating": "5"}, {"model": "y", "rating": "2"}]
        rows.append({"instruction": "q", "responses": answers, "annotations": ratings} | more)
    return rows


def record(text, *values, **more):
    """A record of Argilla 2 with one answer, rated by several annotators."""
    said = [{"value": value, "user_id": str(at)} for at, value in enumerate(values)]
    said = [one | {"status": "submitted"} for one in said]
    return {"fields": {"prompt": "q", "response": text}, "responses": {"rating": said}} | more


def task(text, value, kind="rating", name="stars"):
    """A task of Label Studio with one answer."""
    result = [{"from_name": name, "to_name": "response", "value": {kind: value}}]
    data = {"prompt": "q", "response": text}
    return {"data": data, "annotations": [{"completed_by": 1, "result": result}]}


JUDGE = [{"role": "user", "content": f"Which is better? {GOOD} of all or {BAD} of all"}]
DISTILABEL = [
    {
        "input": "q",
        "generations": [f"{GOOD} of all", f"{BAD} of all"][::turn],
        "rating": [9.0, 2.0][::turn],
    }
    | {"order": ["chosen", "rejected"][::turn], "labelling_prompt": JUDGE}
    for turn in (1, -1)
]
SYSTEM = {"role": "system", "content": "s"}
READ = {
    "MultiPref": beside("overall_pref", "A-is-clearly-better", "B-is-slightly-better"),
    "MultiPref, one aspect": beside("helpful_pref", "A-is-slightly-better", "B-is-clearly-better"),
    "MultiPref, the prompt is a text": [
        {("text" if name == "prompt" else name): value for name, value in row.items()}
        for row in beside("overall_pref", "A-is-clearly-better", "B-is-clearly-better")
    ],
    "CodeUltraFeedback": graded(preference="readability"),
    "answers and objects with ratings": [
        {
            "instruction": "q",
            "responses": [GOOD, BAD],
            "annotations": [{"rating": 4}, {"rating": 1}],
        }
    ],
    "columns named after models": models("winner"),
    "columns named after models, best": models("best"),
    "columns named after models, others beside": models("preferred", comment="I like it well"),
    "answers of models": models("winner", "response_gpt4", "response_llama"),
    "answers of models, by the model's name": [
        {"prompt": "q", "gpt4_response": GOOD, "llama_response": BAD, "winner": "gpt4"},
        {"prompt": "q", "gpt4_response": BAD, "llama_response": GOOD, "winner": "llama"},
    ],
    "three models": [
        {"prompt": "q", "gpt-4": GOOD, "llama 3": BAD, "qwen": "bad too", "winner": "gpt-4"},
        {"prompt": "q", "gpt-4": BAD, "llama 3": GOOD, "qwen": "bad too", "winner": "llama 3"},
        {"prompt": "q", "gpt-4": BAD, "llama 3": "bad too", "qwen": GOOD, "winner": "qwen"},
    ],
    "distilabel": DISTILABEL,
    "Argilla, one answer a record": [record(GOOD, 5, 4), record(BAD, 4, 1)],
    "Label Studio, one answer a task": [task(GOOD, 5), task(BAD, 1)],
    "Label Studio, thumbs": [task(GOOD, ["up"], "choices"), task(BAD, ["down"], "choices")],
    "HelpSteer's name, 2 at most": beside("preference_strength", -2, 1),
    "a loser": beside("loser", "B", "A"),
    "the rejected one's number": two("response_1", "response_2", rejected=(2, 1)),
    "flags of the worse": beside("a_rejected", 0, 1),
    "speakers on each side": [
        {
            "prompt": "\n\nHuman: q",
            "chosen": f"\n\nAssistant: {GOOD}",
            "rejected": f"Assistant: {BAD}",
        }
    ],
    "a speaker before the prompt": [{"prompt": "Human: q", "chosen": GOOD, "rejected": BAD}],
}


@pytest.mark.parametrize("name", READ)
def test_the_good_answer_is_preferred(name):
    table, _ = read(*READ[name])
    assert {text.split()[0] for text in table["chosen"]} == {"good"}
    assert not any(text.startswith("good") for text in table["rejected"])
    assert {json.loads(prompt)[-1]["content"] for prompt in table["prompt"]} == {"q"}


# (column, the value where the first answer is better, and where the second is)
OPEN = {
    "another language": ("winner", "gewonnen", "verloren"),
    "left in another language": ("winner", "links", "rechts"),
    "not": ("winner", "not B", "not A"),
    "-1 and 1": ("winner", -1, 1),
    "-2 to 2": ("preference", -2, 1),
    "0 and 1": ("winner", 0, 1),
    "1 to 7": ("preference", 1, 7),
    "1 to 7 by HelpSteer's name": ("preference_strength", 1, 7),
    "1 to 5 by HelpSteer's name": ("overall_preference", 2, 5),
    "a sentence": ("preference", "1 = much prefer A", "7 = much prefer B"),
    "a share": ("win_rate", 0.9, 0.2),
    "truth": ("label", "True", "False"),
    "a column in another language": ("Gewinner", "A", "B"),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_may_mean_either_is_refused(name):
    with pytest.raises(LensError, match=r"lens check data|python -c"):
        read(*beside(*OPEN[name]))


def test_names_of_models_that_are_those_of_sides_are_refused_where_they_differ():
    rows = beside("winner", "B", "A")
    with pytest.raises(LensError, match=r"`winner` is 'B'"):
        read(*(row | {"model_a": "B", "model_b": "A"} for row in rows))


@pytest.mark.parametrize(
    ("ends", "first"), [("1_is_first_7_is_second", "good"), ("1_is_second_7_is_first", "bad")]
)
def test_a_scale_without_a_sign_has_its_tie_in_the_middle_of_its_ends(ends, first):
    rows = [*beside("likert", 1, 6), *beside("likert", 4, 4), *beside("likert", 3, 5)]
    found = read_pairs(rows, columns={ends: "likert"}, labels="soft")
    assert found.report["form"]["ties"] == 2
    labels = found.table["label"].tolist()
    assert sorted(labels) == pytest.approx([0.5, 0.5, 2 / 3, 2 / 3, 5 / 6, 1])
    assert found.table["chosen"][0].startswith(first)
    with pytest.raises(LensError, match=r"holds 1 to 6.*Look at it"):
        read_pairs(rows, columns={"1_is_first_5_is_second": "likert"})


def test_several_ratings_of_one_answer_are_asked_about():
    rows = [record(GOOD, 5), record(BAD, 1)]
    for row in rows:
        row["responses"]["honest"] = row["responses"].pop("rating")
        row["responses"]["kind"] = row["responses"]["honest"]
    with pytest.raises(LensError, match=r'`kind` counts: .*"rating": "kind"'):
        read(*rows)
    assert read(*rows, columns={"rating": "kind"})[0]["chosen"].tolist() == [GOOD]


def test_a_rating_of_faults_is_asked_about():
    with pytest.raises(LensError, match=r'higher `toxicity`.*"rank": "toxicity"'):
        read(task(GOOD, 1, name="toxicity"), task(BAD, 5, name="toxicity"))


def test_columns_are_called_as_in_the_file():
    check = check_data([(f"f, row {at}", row) for at, row in enumerate(models("winner"))])
    assert check.form.columns["first"] == "gpt-4"
    assert check.form.meanings["llama 3"]["means"] == "`llama 3` is better"


def test_ratings_that_another_one_contradicts_are_warned_of():
    answers = [
        {"response": text, "overall_score": one, "fine-grained_score": other, "critique": "c"}
        | {"annotations": {}}
        for text, one, other in ((GOOD, 8, 2), (BAD, 3, 4))
    ]
    rows = [{"instruction": "q", "completions": answers}]
    said = check_data([("f, row 1", rows[0])]).as_dict()["warnings"]
    assert any("`fine-grained_score` orders the answers otherwise" in warning for warning in said)
    with pytest.warns(UserWarning, match=r"`fine-grained_score` orders"):
        read_pairs(rows)


@pytest.mark.parametrize("name", ["system_msg", "sys", "Developer prompt", "System Role"])
def test_a_system_turn_goes_by_many_names(name):
    row = {"prompt": "q", "chosen": GOOD, "rejected": BAD, name: "Be brief."}
    prompt = json.loads(read(row)[0]["prompt"][0])
    assert [turn["role"] for turn in prompt] == ["system", "user"]


def test_fields_of_messages_that_are_not_read_are_warned_of():
    thought = "First I think about it for long."
    turns = {
        side: [{"role": "assistant", "content": text, "reasoning_content": thought}]
        for side, text in (("chosen", GOOD), ("rejected", BAD))
    }
    _, form = read({"prompt": "q"} | turns)
    assert form.telling == ["chosen.reasoning_content", "rejected.reasoning_content"]


def test_answers_that_repeat_their_prompt_are_warned_of():
    row = {"prompt": "What now?", "chosen": f"What now?\n{GOOD}", "rejected": f"What now? {BAD}"}
    said = check_data([("f, row 1", row)]).as_dict()["warnings"]
    assert any("begin with the text of the prompt" in warning for warning in said)
    said = check_data([("f, row 1", row | {"rejected": BAD})]).as_dict()["warnings"]
    assert not any("begin with the text of the prompt" in warning for warning in said)
