"""What `fit` trains on is what `score` scores, to the token, also of labelling tools' exports."""

import argparse
import json

import pytest

from lens.advice.preferences import read_pairs
from lens.cli.shared.your_data import read_ahead
from lens.serving.scoring import Tally, pick_rows, score_rows
from tests.helpers import argilla_exports as argilla
from tests.helpers import labelstudio_exports as labelstudio
from tests.helpers.scorer import Tokens, scorer


def stars(text, value):
    """A task of Label Studio with one answer, rated."""
    rated = labelstudio.annotation({"rating": value}, "rating", name="stars", to="response")
    return labelstudio.task(rated, number=value, data={"prompt": "q", "response": text})


def rated(text, *values):
    """A record of Argilla with one answer, rated."""
    given = [argilla.said(value, str(at)) for at, value in enumerate(values)]
    return argilla.record_2(*given, name="rating", fields={"prompt": "q", "response": text})


EXPORTS = {
    "Label Studio, two answers": [
        labelstudio.task(labelstudio.picks("left"), labelstudio.picks("left", by=2)),
        labelstudio.task(labelstudio.picks("right"), number=2),
    ],
    "Label Studio, JSON-MIN": [labelstudio.flat(1, "right", 1), labelstudio.flat(2, "left", 2)],
    "Label Studio, one answer": [stars("good", 5), stars("bad", 1)],
    "Argilla 1": [argilla.record_1(argilla.said("response-2"))],
    "Argilla 2": [argilla.record_2(argilla.said("response-2"))],
    "Argilla 2, one answer": [rated("good", 5, 4), rated("bad", 2, 4)],
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_scored_as_it_is_trained_on(name, tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(EXPORTS[name]))
    table, tokens = read_pairs(path).table, Tokens()
    both = [
        pair
        for side in ("chosen", "rejected")
        for pair in zip(table.prompt, table[side], strict=True)
    ]
    trained_on = {tuple(tokens.token_ids(*text)) for text in both}
    args = argparse.Namespace(source=str(path), chunk=64, columns={}, explain=False)
    model = scorer()
    readings, stream, _ = read_ahead(args, "response")
    rows = score_rows(model, [*stream], Tally(), readings)
    assert {*map(tuple, model.encoder.seen)} == trained_on
    assert json.loads(json.dumps(rows)) == rows  # nothing of the annotators is in the way
    if "one answer" not in name:
        model = scorer()
        readings, stream, _ = read_ahead(args, "candidates")
        pick_rows(model, [*stream], readings=readings)
        assert {*map(tuple, model.encoder.seen)} == trained_on
