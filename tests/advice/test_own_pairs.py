"""Own pairs as Python objects: what is read, what is kept, what they say of themselves."""

import csv
import json
import shutil

import numpy as np
import pytest

from lens.advice.fit import fit
from lens.advice.own_pairs import embed_pairs, kept, read_pairs
from lens.core.errors import LensError
from lens.language.encoder import Encoder
from tests.helpers.word_pairs import jsonl, some_rows


def test_embeddings_are_made_anew_when_any_file_of_the_model_changes(llama_folder, tmp_path):
    folder = tmp_path / "llama"
    shutil.copytree(llama_folder, folder)
    pairs, encoder = read_pairs(some_rows(20)), lambda: Encoder(str(folder), device="cpu")
    embed_pairs(pairs, encoder()).save(tmp_path / "kept")
    assert kept(tmp_path / "kept", pairs, encoder()) is not None
    [template] = [*folder.glob("*.jinja")]
    template.write_text(template.read_text() + " w5")
    assert kept(tmp_path / "kept", pairs, encoder()) is None


def test_kept_embeddings_report_what_was_read_now(llama_folder, tmp_path):
    encoder = Encoder(str(llama_folder), device="cpu", max_length=8)
    rows = some_rows(20)
    embed_pairs(read_pairs(jsonl(tmp_path / "a.jsonl", rows)), encoder).save(tmp_path / "kept")
    bad = {"prompt": "w1", "chosen": "w2", "rejected": "w2"}
    renamed = read_pairs(jsonl(tmp_path / "b.jsonl", [*rows, bad]))
    encoder = Encoder(str(llama_folder), device="cpu", max_length=8)
    found = kept(tmp_path / "kept", renamed, encoder)
    assert found.report["source"].endswith("b.jsonl")
    assert found.report["dropped"] == {"identical_responses": 1}
    assert found.report["texts_cut"] > 0
    assert "were cut on the left" in found.note


def test_data_frames_may_hold_arrays_and_holes():
    import pandas as pd

    frame = pd.DataFrame(
        {
            "prompt": [np.array([{"role": "user", "content": f"w{i}"}]) for i in range(3)],
            "chosen": [np.array([{"role": "assistant", "content": "w4"}]), "w5", np.nan],
            "rejected": ["w6", "w7", "w8"],
        }
    )
    pairs = read_pairs(frame)
    assert list(pairs.table["chosen"]) == ["w4", "w5"]
    assert pairs.report["dropped"] == {"empty_response": 1}


def test_messages_as_json_in_csv_are_messages(tmp_path):
    path = tmp_path / "m.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["prompt", "chosen", "rejected"])
        writer.writeheader()
        prompt = json.dumps([{"role": "user", "content": "w1"}])
        answer = json.dumps([{"role": "assistant", "content": "w2"}])
        writer.writerow({"prompt": prompt, "chosen": answer, "rejected": "[not, json"})
    [pair] = read_pairs(path).table.to_dict("records")
    assert json.loads(pair["prompt"]) == [{"role": "user", "content": "w1"}]
    assert (pair["chosen"], pair["rejected"]) == ("w2", "[not, json")


def test_objects_say_what_they_are(llama_folder):
    pairs = read_pairs(some_rows(60))
    assert "60 pairs with" in repr(pairs)
    assert len(pairs) == 60
    data = embed_pairs(pairs, str(llama_folder))
    assert repr(data) == f"<60 pairs, embeddings of 16 features, {llama_folder.name}>"
    model = fit(data, "mean_difference")
    assert repr(model) == f"RewardModel(mean difference, 60 pairs, {llama_folder.name})"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: read_pairs({"prompt": ["a"]}), "a dict a row"),
        (lambda: read_pairs(None), "a dict a row"),
        (lambda: embed_pairs(some_rows(3), "x"), "lens.read_pairs"),
        (lambda: fit(read_pairs(some_rows(20))), "needs embedded pairs"),
        (lambda: Encoder("x/y", pooling="avg"), "pooling 'avg' is none of auto, first, last, mean"),
        (lambda: Encoder("x/y", too_long="cut"), "too_long 'cut' is none of"),
    ],
)
def test_mistakes_in_python_get_a_sentence(call, message):
    with pytest.raises(LensError, match=message):
        call()
