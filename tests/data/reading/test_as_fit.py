"""What `fit` trains on is what `score` scores, to the token; what is written comes back."""

import io
import json
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_rows
from lens.evaluation.bench_rows import read_examples
from lens.evaluation.rewardbench import reward_bench
from lens.serving.scoring import Tally, pick_rows, score_rows
from tests.helpers.labelled_rows import judged
from tests.helpers.listed_rows import LISTS
from tests.helpers.pair_rows import ASKED, BAD, FULL, GOOD, PAIRS
from tests.helpers.scorer import Tokens, scorer


def trained_on(rows):
    """Token ids of both sides of each pair that `fit` would train on, as a set."""
    table, tokens = read_pairs(rows).table, Tokens()
    sides = [zip(table["prompt"], table[side], strict=True) for side in ("chosen", "rejected")]
    return {tuple(tokens.token_ids(*text)) for side in sides for text in side}


def scored(rows, how=score_rows):
    model = scorer()
    places = [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]
    added = how(model, places, Tally()) if how is score_rows else how(model, places)
    return {*map(tuple, model.encoder.seen)}, added


SIDES, TURNS = ("chosen", "rejected"), {"a": BAD, "b": GOOD}
PARTS = [{"role": "model", "parts": [{"text": text}]} for text in ("x", "y")]
FORMS = {f"pair: {name}": row for name, (row, _) in PAIRS.items()}
FORMS |= {
    f"list: {name}": row
    for name, row in LISTS.items()
    if not any(isinstance(v, np.ndarray) for v in row.values())
}
FORMS |= {
    "label": judged("letters", "winner", "B")[0],
    "scale": judged("numbers", "preference_strength", -2)[0],
    "scores of sides": judged("letters", "score_a", 1)[0] | {"score_b": 2},
    "system and label": judged("letters", "winner", "B")[0] | {"system": "Be so."},
    "list with system": {"system": "Be so.", **LISTS["ratings"]},
    "RewardBench 2": {"prompt": "q", "chosen": '["a"]', "rejected": '["b", "c"]'},
    "named after models": {"prompt": "q", "gpt-4": "x", "llama 3": "y", "winner": "llama 3"},
    "answers of models": {"prompt": "q", "gpt4_response": "x", "llama_response": "y"}
    | {"winner": "gpt4"},
    "MultiPref": {"text": "q", "completion_a": "x", "completion_b": "y"}
    | {"overall_pref": "A-is-clearly-better"},
    "a loser": judged("letters", "loser", "B")[0],
    "CodeUltraFeedback": {"instruction": "q", "responses": ["x", "y"]}
    | {"annotations": [{"rating": 4}, {"rating": 1}]},
    "speakers of HH": {"prompt": "\n\nHuman: q", "chosen": "\n\nAssistant: x"}
    | {"rejected": "\n\nAssistant: y"},
    "strength": judged("letters", "winner", "B")[0] | {"strength": 2},
    "MT-Bench": {"turn": 1, "winner": "model_b"}
    | {f"conversation_{side}": [*ASKED, answer, *ASKED, GOOD] for side, answer in TURNS.items()},
    "Gemini": {"contents": [{"role": "user", "parts": [{"text": "q"}]}]}
    | {"completions": [{"score": s, "completion": said} for s, said in enumerate(PARTS)]},
    "Alpaca": {side: f"### Instruction:\nq\n\n### Response:\n{side}" for side in SIDES},
    "gpt-oss": {
        side: f"<|start|>user<|message|>q<|end|><|start|>assistant<|message|>{side}<|return|>"
        for side in SIDES
    },
    "lists of turns": {"prompt": ["q", "r"], "response_a": ["w", "x"], "response_b": ["y", "z"]}
    | {"winner": "A"},
}


@pytest.mark.parametrize("name", FORMS)
def test_score_and_best_of_read_the_texts_that_fit_trains_on(name):
    expected = trained_on([FORMS[name]])
    for how in (score_rows, pick_rows):
        assert scored([FORMS[name]], how)[0] == expected


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "response": "good"},
        {"prompt": ASKED, "completion": [GOOD]},
        {"messages": [*ASKED, GOOD]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "good"}]},
        {"Prompt": "q", "Response": "good"},
        {"prompt": "q", "response": str([*ASKED, GOOD])},
        {"prompt": "\n\nHuman: q\n\nAssistant:", "response": "\n\nHuman: q\n\nAssistant: good"},
    ],
)
def test_one_answer_is_read_as_the_side_of_a_pair(row):
    expected = trained_on([{"prompt": "q", "chosen": "good", "rejected": "bad"}])
    seen, added = scored([row])
    assert seen < expected
    assert set(added[0]) == {*row, "reward"}


@pytest.mark.parametrize(
    "row",
    [
        {"system": "Be so.", "history": [["a", "b"]], "prompt": "q", "response": "good"},
        {"messages": [*FULL, GOOD]},
        {"prompt": FULL, "response": [*ASKED, GOOD]},
    ],
)
def test_one_answer_keeps_its_whole_prompt(row):
    assert scored([row])[0] < trained_on([{"prompt": FULL, "chosen": [GOOD], "rejected": [BAD]}])


def test_several_columns_that_may_be_the_answer_are_refused():
    row = {"instruction": "q", "input": "", "output": "good", "text": "q good"}
    with pytest.raises(LensError, match=r"`text` is the answer: lens .*`output` is the answer"):
        scored([row])


def test_judged_rows_get_a_probability_and_others_both_rewards():
    rows = judged("letters", "winner", "B", "tie", None)
    added = scored(rows)[1]
    assert added[0]["reward_chosen"] == added[0]["reward_second"]
    assert "probability" in added[0]
    for row in added[1:]:
        assert set(row) - set(rows[0]) == {"reward_first", "reward_second"}


def test_a_bench_reads_rows_as_fit_does():
    rows = [FORMS["pair: TRL"], FORMS["pair: HH prompt and whole sides"]]
    places = [(f"row {i}", row | {"subset": "donotanswer"}) for i, row in enumerate(rows)]
    tokens = Tokens()
    found = {
        tuple(tokens.token_ids(example.prompt, text))
        for example in read_examples(places, 1)
        for text in example.chosen + example.rejected
    }
    assert found == trained_on(rows)
    renamed = [(place, {"frage": row["prompt"], **row}) for place, row in places[:1]]
    for _, row in renamed:
        del row["prompt"]
    result = reward_bench(scorer(), renamed, columns={"prompt": "frage"})
    assert result["n"] == 1


@pytest.mark.parametrize(
    "call", [lambda m: m.best_of(["q"], ["abc"]), lambda m: m.best_of("q", [["a"]])]
)
def test_a_text_where_a_list_is_meant_is_refused_in_python(call):
    with pytest.raises(LensError, match="text"):
        call(scorer())


# What is written comes back

word = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda text: (
        any(unicodedata.category(char)[0] == "L" for char in text)
        and text.strip().casefold() not in ("nan", "na", "none", "null", "n/a")
        and not text.strip().startswith(("[", "{", "sep="))
        and "<" not in text  # the marks of a chat template are no part of a text
    )
)
TWO = st.tuples(word, word).filter(
    lambda both: len({unicodedata.normalize("NFC", text.strip()) for text in both}) == 2
)


def as_pair(prompt, good, bad):
    return {"prompt": prompt, "chosen": good, "rejected": bad}


def as_label(prompt, good, bad):
    return {"prompt": prompt, "response_a": bad, "response_b": good, "winner": "B"}


def as_scale(prompt, good, bad):
    return {"prompt": prompt, "response_1": good, "response_2": bad, "preference_strength": -2}


def as_list(prompt, good, bad):
    return {"prompt": prompt, "responses": [bad, good], "ratings": [1.5, 2.0]}


def as_messages(prompt, good, bad):
    asked = [{"role": "user", "content": prompt}]
    sides = {"chosen": good, "rejected": bad}
    return {side: [*asked, {"role": "assistant", "content": t}] for side, t in sides.items()}


def as_objects(prompt, good, bad):
    return {"prompt": prompt, "answers": [{"answer": bad, "rank": 2}, {"answer": good, "rank": 1}]}


def as_rated_objects(prompt, good, bad):
    sides = {"response_a": {"text": bad, "score": 1}, "response_b": {"text": good, "score": 4}}
    return {"prompt": prompt} | sides


def as_votes(prompt, good, bad):
    return {"prompt": prompt, "response_a": good, "response_b": bad, "votes": ["A", "tie", "A"]}


def as_summaries(prompt, good, bad):
    info = {"id": "t3", "post": prompt, "title": None, "subreddit": "s"}
    return {"info": info, "summaries": [{"text": bad}, {"text": good}], "choice": 1}


def as_strength(prompt, good, bad):
    sides = {"response_a": bad, "response_b": good}
    return {"prompt": prompt, **sides, "winner": "B", "strength": 2, "is_swapped": False}


def as_template(prompt, good, bad):
    mark = "<|start_of_role|>{}<|end_of_role|>{}<|end_of_text|>"
    asked = mark.format("user", prompt)
    sides = {"chosen": good, "rejected": bad}
    return {side: asked + mark.format("assistant", text) for side, text in sides.items()}


def as_label_studio(prompt, good, bad):
    told = {"value": {"selected": "right"}, "from_name": "p", "to_name": "answer1,answer2"}
    data = {"prompt": prompt, "answer1": bad, "answer2": good}
    return {"data": data, "annotations": [{"completed_by": 1, "result": [told]}]}


def as_argilla(prompt, good, bad):
    said = [{"value": "response_a", "user_id": "u", "status": "submitted"}]
    fields = {"prompt": prompt, "response_a": good, "response_b": bad}
    guess = {"preference": {"value": "response_b", "score": 0.5}}
    return {"fields": fields, "responses": {"preference": said}, "suggestions": guess}


FORMED = [as_pair, as_label, as_scale, as_list, as_messages, as_objects, as_rated_objects]
FORMED += [as_strength, as_template, as_votes, as_summaries, as_label_studio, as_argilla]
WRITERS = {
    "x.csv": lambda frame: frame.to_csv(index=False).encode(),
    "y.csv": lambda frame: frame.to_csv(index=True, sep=";", lineterminator="\r\n").encode(
        "utf-8-sig"
    ),
    **{
        f"{orient}.json": lambda frame, orient=orient: frame.to_json(orient=orient).encode()
        for orient in ("records", "columns", "index", "split", "table")
    },
    "tab.tsv": lambda frame: frame.to_csv(index=False, sep="\t").encode(),
    "bar.csv": lambda frame: frame.to_csv(index=False, sep="|").encode(),
    "x.jsonl": lambda frame: frame.to_json(orient="records", lines=True).encode(),
    "x.parquet": lambda frame: (frame.to_parquet(buffer := io.BytesIO()), buffer.getvalue())[1],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMED)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(texts=st.lists(st.tuples(word, TWO), min_size=1, max_size=3))
def test_a_table_of_any_form_comes_back_from_pandas(folder, form, texts):
    rows = [form(prompt, *both) for prompt, both in texts]
    expected, _ = normalise_pairs(to_pairs([(f"row {i}", row) for i, row in enumerate(rows)])[0])
    assert json.loads(expected["prompt"][0])[-1]["content"] == texts[0][0].strip()
    for name, write in WRITERS.items():
        path = folder / name
        path.write_bytes(write(pd.DataFrame(rows)))
        found, _ = normalise_pairs(to_pairs(read_rows(path))[0])
        for column in ("prompt", "chosen", "rejected"):
            assert found[column].tolist() == expected[column].tolist(), name
        assert len(found) == len(texts), name
