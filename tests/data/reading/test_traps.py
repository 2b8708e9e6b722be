"""Columns that look like something else: names for answers, ties beside them, lost prompt parts."""

import json

import pytest

from lens.advice.own_pairs import read_pairs
from lens.core.errors import LensError
from lens.data.reading.find import find_form

GOOD = ["Rinse it well, then let it dry.", "Oil it twice a year, in the shade."]
BAD = ["I do not know that.", "No idea about this one."]


def rows(make, count=4):
    return [make(i) | {"id": str(i)} for i in range(count)]


def good(i):
    return f"{GOOD[i % 2]} ({i})"


def bad(i):
    return f"{BAD[i % 2]} ({i})"


def sides(first, second):
    """Rows whose better answer stands first in every other row."""

    def make(i):
        better = i % 2 == 0
        return {
            "prompt": f"How is thing {i} cleaned?",
            first: good(i) if better else bad(i),
            second: bad(i) if better else good(i),
        }

    return make


def pair(i, **more):
    return {"prompt": f"How is thing {i} cleaned?", "chosen": good(i), "rejected": bad(i)} | more


def prompt_of(pairs, at=0):
    turns = json.loads(pairs.table.prompt[at])
    return [(turn["role"], turn["content"]) for turn in turns]


NAMES = [
    ("response_1", "response_2", "chosen", "rejected", "response_1", "response_2", {}),
    ("response_1", "response_2", "best", "worst", "Response 1", "Response 2", {}),
    ("response_1", "response_2", "preferred", "rejected", "A", "B", {}),
    ("A", "B", "chosen", "rejected", "A", "B", {}),
    (
        "response_a",
        "response_b",
        "winner",
        "loser",
        "gpt-4",
        "llama",
        {"model_a": "gpt-4", "model_b": "llama"},
    ),
]


@pytest.mark.parametrize(("first", "second", "good_name", "bad_name", "one", "two", "more"), NAMES)
def test_names_of_answers_are_labels(first, second, good_name, bad_name, one, two, more):
    def make(i):
        won, lost = (one, two) if i % 2 == 0 else (two, one)
        return sides(first, second)(i) | {good_name: won, bad_name: lost} | more

    table = read_pairs(rows(make)).table
    assert list(table.chosen) == [good(i) for i in range(4)]


def test_unknown_names_of_models_are_refused():
    make = sides("response_a", "response_b")
    with pytest.raises(LensError, match="must name a side"):
        read_pairs(rows(lambda i: make(i) | {"better": "gpt-4 turbo", "worse": "llama 7b"}))


TIES = [
    lambda tie: {"status": "tie" if tie else "unchanged"},
    lambda tie: {"rating": [9.0, 9.0 if tie else 2.0]},
    lambda tie: {"scores": json.dumps([9, 9 if tie else 2])},
    lambda tie: {"is_tie": tie},
    lambda tie: {"tie": "true" if tie else "false"},
    lambda tie: {"label": "tie" if tie else "chosen"},
    lambda tie: {"score_w": 5, "score_l": 5 if tie else 1},
]


@pytest.mark.parametrize("more", TIES)
def test_ties_beside_chosen_and_rejected_are_none_of_the_wins(more):
    found = read_pairs(rows(lambda i: pair(i, **more(i == 1))))
    assert list(found.table.chosen) == [good(i) for i in (0, 2, 3)]
    assert (found.report["form"]["ties"], found.report["form"]["unread"]) == (1, [])
    soft = read_pairs(rows(lambda i: pair(i, **more(i == 1))), labels="soft").table
    assert list(soft.label) == [1, 0.5, 1, 1]


def test_scores_inside_answers_tell_ties():
    def objects(i):
        texts = {"chosen": good(i), "rejected": bad(i)}
        scores = {"chosen": 5, "rejected": 5 if i == 1 else 1}
        return pair(i) | {side: {"text": texts[side], "score": scores[side]} for side in texts}

    def messages(i):
        return pair(i) | {
            side: [{"role": "assistant", "content": cell["text"], "score": cell["score"]}]
            for side, cell in objects(i).items()
            if side != "prompt"
        }

    for make in (objects, messages):
        found = read_pairs(rows(make))
        assert (len(found.table), found.report["form"]["ties"]) == (3, 1)


FLAGS = [
    lambda tie, first: {"winner": "b" if tie or not first else "a", "tie": tie},
    lambda tie, first: {"winner": "a" if first else "b", "is_tie": int(tie)},
    lambda tie, first: {"a_better": int(first and not tie), "b_better": int(not (first or tie))},
]


@pytest.mark.parametrize("judge", FLAGS)
def test_flags_of_ties_beside_two_answers_count(judge):
    make = sides("response_a", "response_b")
    found = read_pairs(rows(lambda i: make(i) | judge(i == 1, i % 2 == 0)))
    assert list(found.table.chosen) == [good(i) for i in (0, 2, 3)]
    assert found.report["form"]["ties"] == 1


SYSTEM = {"role": "system", "content": "Be brief."}
EARLIER = [
    {"role": "user", "content": "Hello there."},
    {"role": "assistant", "content": "Good day!"},
]


@pytest.mark.parametrize("name", ["previous_turns", "conversation_turns", "messages", "dialog"])
def test_earlier_turns_beside_a_prompt_are_never_dropped(name):
    given = rows(lambda i: pair(i, **{name: EARLIER}))
    with pytest.raises(LensError, match=f"`{name}` holds turns that `prompt` does not"):
        read_pairs(given)
    found = read_pairs(given, columns={"prompt": "prompt", "history": name})
    assert [role for role, _ in prompt_of(found)] == ["user", "assistant", "user"]
    alone = read_pairs(given, columns={"prompt": "prompt"})
    assert prompt_of(alone) == [("user", "How is thing 0 cleaned?")]


@pytest.mark.parametrize("lead", [EARLIER, [SYSTEM, *EARLIER], [SYSTEM]])
def test_the_conversation_that_contains_the_prompt_counts(lead):
    def make(i):
        row = pair(i)
        return row | {"messages": [*lead, {"role": "user", "content": row["prompt"]}]}

    found = read_pairs(rows(make))
    assert prompt_of(found)[:-1] == [(turn["role"], turn["content"]) for turn in lead]
    assert found.report["form"]["telling"] == []


def test_a_system_turn_in_a_whole_conversation_is_never_dropped():
    def make(i):
        row = pair(i)
        said = [("user", row["prompt"]), ("assistant", row["chosen"])]
        return row | {"messages": [SYSTEM, *({"role": r, "content": c} for r, c in said)]}

    with pytest.raises(LensError, match="`messages` holds turns"):
        read_pairs(rows(make))


@pytest.mark.parametrize("name", ["model_context", "system_user", "source"])
def test_sentences_in_columns_named_like_bookkeeping_are_warned_of(name):
    found = read_pairs(rows(lambda i: pair(i, **{name: "It is red and rather old."})))
    assert found.report["form"]["telling"] == [name]
    found = read_pairs(rows(lambda i: pair(i, **{name: "wiki"})))
    assert found.report["form"]["telling"] == []


@pytest.mark.parametrize("name", ["context", "document", "documents", "passage", "article"])
def test_what_a_question_is_about_comes_before_it(name):
    def make(i):
        row = pair(i, **{name: "It is red and old."})
        return {"question": row.pop("prompt")} | row

    asked = "It is red and old.\n\nHow is thing 0 cleaned?"
    assert prompt_of(read_pairs(rows(make))) == [("user", asked)]
    with pytest.raises(LensError, match=f"`prompt` and `{name}` may each be the prompt"):
        read_pairs(rows(lambda i: pair(i, **{name: "It is red and old."})))


def test_parts_of_a_prompt_in_an_object_are_read():
    def nested(first, second):
        return lambda i: {
            "sample": {first: f"How is thing {i} cleaned?", second: "It is red and old."},
            "chosen": good(i),
            "rejected": bad(i),
        }

    asked = "It is red and old.\n\nHow is thing 0 cleaned?"
    assert prompt_of(read_pairs(rows(nested("question", "context")))) == [("user", asked)]
    asked = "How is thing 0 cleaned?\n\nIt is red and old."
    assert prompt_of(read_pairs(rows(nested("instruction", "input")))) == [("user", asked)]
    about = {"system_prompt": "Be brief.", "history": EARLIER}
    found = prompt_of(read_pairs(rows(lambda i: pair(i, metadata=about))))
    assert [role for role, _ in found] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("asked", "name", "part"),
    [("prompt", "system", "system"), ("question", "context", "context")],
)
def test_a_part_that_is_first_filled_in_a_later_row_is_read(asked, name, part):
    def row(value):
        return {asked: "How?", "response": "So.", name: value}

    reading = find_form([("f, row 1", row(None)), ("f, row 2", row(""))], scoring="response")
    assert reading.texts(row(""), "f, row 3")[0] == {"prompt": "How?"}
    assert reading.texts(row("It is red."), "f, row 4")[0] == {"prompt": "How?", part: "It is red."}


def test_a_later_part_that_may_be_several_is_refused():
    first = {"prompt": "How?", "response": "So.", "context": None}
    reading = find_form([("f, row 1", first)], scoring="response")
    with pytest.raises(LensError, match="row 2: `context` holds something here"):
        reading.texts(first | {"context": "It is red."}, "f, row 2")


@pytest.mark.parametrize("printed", [json.dumps, str])
def test_objects_that_a_table_printed_are_opened(printed):
    def make(i):
        row = pair(i)
        asked = {"messages": [{"role": "user", "content": row["prompt"]}], "tools": []}
        texts = {s: printed({"response": row[s], "model": "x"}) for s in ("chosen", "rejected")}
        return {"prompt": printed(asked)} | texts

    found = read_pairs(rows(make))
    assert prompt_of(found) == [("user", "How is thing 0 cleaned?")]
    assert list(found.table.chosen) == [good(i) for i in range(4)]


def test_answers_in_json_are_texts():
    def make(i):
        return pair(i) | {
            "chosen": json.dumps({"answer": i}),
            "rejected": json.dumps({"answer": -1}),
        }

    assert list(read_pairs(rows(make)).table.chosen) == [f'{{"answer": {i}}}' for i in range(4)]


@pytest.mark.parametrize("name", ["toxicity_score", "penalty_points"])
def test_scores_whose_direction_is_open_are_refused_with_both(name):
    make = sides("response_1", "response_2")

    def scored(i):
        low = (1, 9) if i % 2 == 0 else (9, 1)
        return make(i) | {f"{name}_1": low[0], f"{name}_2": low[1]}

    with pytest.raises(LensError, match="lower is better") as refused:
        read_pairs(rows(scored))
    assert '"rank_1": "' + name in str(refused.value)
    lower = read_pairs(rows(scored), columns={"rank_1": f"{name}_1", "rank_2": f"{name}_2"})
    assert list(lower.table.chosen) == [good(i) for i in range(4)]


def test_a_score_of_ranks_is_a_score():
    make = sides("response_a", "response_b")
    scores = [(3, 1), (1, 3)]
    given = rows(
        lambda i: make(i) | dict(zip(("rank_score_a", "rank_score_b"), scores[i % 2], strict=True))
    )
    assert list(read_pairs(given).table.chosen) == [good(i) for i in range(4)]


GRADES = [
    ([{"margin": value} for value in (0, 1, 2, 4)], [0.5, 0.625, 0.75, 1]),
    ([{"strength": value, "scale": 4} for value in (1, 2, 4, 0)], [0.625, 0.75, 1, 0.5]),
    ([{"label": value} for value in (0.5, 0.8, 1.0, 0.6)], [0.5, 0.8, 1, 0.6]),
    ([{"votes_for": n, "votes_against": 4 - n} for n in (3, 4, 2, 3)], [0.75, 1, 0.5, 0.75]),
]


@pytest.mark.parametrize(("told", "labels"), GRADES)
def test_what_stands_beside_a_pair_grades_it(told, labels):
    given = rows(lambda i: pair(i, **told[i]))
    soft = read_pairs(given, labels="soft")
    assert list(soft.table.label) == labels
    hard = read_pairs(given)
    assert len(hard.table) == 3
    assert hard.report["form"]["ties"] == 1
    again = soft.table.drop(columns=["side"], errors="ignore").to_dict("records")
    assert list(read_pairs(again, labels="soft").table.label) == labels


TRANSCRIPTS = [
    "System: Be brief.\n\nHuman: Hello.\n\nAssistant: Hi!\n\nHuman: {}\n\nAssistant:",
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello.<|im_end|>\n"
    "<|im_start|>assistant\nHi!<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
    "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello. [/INST] Hi! </s><s>[INST] {} [/INST]",
    "\n\nH: Hello.\n\nA: Hi!\n\nH: {}\n\nA:",
    "USER: Hello. ASSISTANT: Hi!\nUSER: {} ASSISTANT:",
]


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_transcripts_of_chat_templates_are_turns(transcript):
    found = read_pairs(rows(lambda i: pair(i) | {"prompt": transcript.format(f"How is {i}?")}))
    turns = prompt_of(found)
    assert turns[-3:] == [("user", "Hello."), ("assistant", "Hi!"), ("user", "How is 0?")]
    assert turns[:-3] == [("system", "Be brief.")] * ("Be brief" in transcript)


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_whole_conversations_of_chat_templates_are_split(transcript):
    def make(i):
        asked = transcript.format(f"How is {i}?")
        return {"chosen": f"{asked} {good(i)}", "rejected": f"{asked} {bad(i)}"}

    found = read_pairs(rows(make))
    assert prompt_of(found)[-1] == ("user", "How is 0?")
    assert list(found.table.chosen) == [good(i) for i in range(4)]


def rated(i, **more):
    return {"prompt": f"How is thing {i // 2} cleaned?", "response": f"So {i}."} | more


RIVALS = [
    lambda i: rated(i, label=1 + i % 2),
    lambda i: rated(i, score=i % 2, label=2 - i % 2),
    lambda i: {"prompt": "q", "responses": ["a", "b"], "ratings": [5, 1], "scores": [1, 5]},
    lambda i: pair(i, system="Be brief.", system_prompt="Be long."),
    lambda i: pair(i, history=EARLIER, chat_history=EARLIER[:1]) | {"history": EARLIER[1:]},
    lambda i: pair(i, chosen_response=bad(i), rejected_response=good(i)),
]


@pytest.mark.parametrize("make", RIVALS)
def test_two_columns_for_one_purpose_are_refused_where_they_differ(make):
    with pytest.raises(LensError, match=r"(may (both )?be|different orders).* -- "):
        read_pairs(rows(make))


def test_labels_of_yes_and_no_rate_an_answer():
    assert len(read_pairs(rows(lambda i: rated(i, label=i % 2))).table) == 2
