"""`--explain` and the summary of what was read say which column is what, and what is not used."""

import json
from contextlib import nullcontext

import pytest

from lens.advice.own_pairs import read_pairs, summary
from lens.data.reading.explained import explanation
from lens.data.reading.find import find_form
from tests.helpers.labelled_rows import judged


@pytest.fixture
def model(monkeypatch):
    from tests.helpers.scorer import scorer

    class Card:
        def caching(self, *, progress=False):
            return nullcontext()

        def __getattr__(self, name):
            return getattr(scorer(), name)

    monkeypatch.setattr("lens.cli.shared.your_data.reward_model", lambda args: Card())


ROWS = [
    row | {"critique": "some words", "note_id": 3, "system": "be brief"}
    for row in judged("letters", "winner", "A", "B", "B")
]


def test_the_explanation_names_columns_labels_and_an_example():
    places = [(f"f, row {i}", row) for i, row in enumerate(ROWS, 1)]
    said = explanation(find_form(places, scoring="response"), places).splitlines()
    assert said == [
        "form: labelled_pair",
        "columns: `system` is the system turn; `prompt` is the prompt; `response_a` is the first "
        "answer; `response_b` is the second answer; `winner` says which answer is better",
        "labels: `B` means that `response_b` is better: 2 rows; `A` means that `response_a` is "
        "better: 1 row",
        "example: f, row 1",
        "  system: be brief",
        "  prompt: q0",
        "  answer 1: first 0",
        "  answer 2: second 0",
        "Warning: Not used: `critique`. If part of the prompt, an answer or a label is there, "
        'name it with --columns (such as \'{"system": "critique"}\').',
    ]


def test_reading_warns_of_columns_that_are_not_used():
    said = summary(read_pairs(ROWS))
    assert "Columns not read: critique, note_id." in said
    assert "Warning: Not used: `critique`." in said
    assert "Warning" not in summary(read_pairs(judged("letters", "winner", "A", "B")))


def test_prompts_of_single_answers_are_warned_of():
    answers = [
        {"custom_system_prompt": "be kind", "response": text, "overall_score": score}
        for text, score in [("a", 1), ("b", 2)]
    ]
    said = summary(read_pairs([{"instruction": "q", "completions": answers}]))
    assert "Not used: `completions.custom_system_prompt`." in said


def test_score_explains_on_standard_error(tmp_path, lens, model, capsys):
    path = tmp_path / "rows.jsonl"
    renamed = [{"q": row["prompt"], "a": row["response_a"]} for row in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in renamed))
    columns = '{"prompt": "q", "response": "a"}'
    lens("score", "none", path, "--columns", columns, "--explain")
    said = capsys.readouterr()
    assert "columns: `q` is the prompt; `a` is the answer" in said.err
    assert len(said.out.splitlines()) == 3
    assert "3 rows scored" in said.err
