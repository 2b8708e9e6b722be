"""Own pairs as Python objects: what is read, what is kept, what they say of themselves."""

import csv
import json
import shutil

import numpy as np
import pytest

from lens.advice.fit import fit
from lens.advice.own_pairs import EmbeddedPairs, embed_pairs, import_embeddings, saved_embeddings
from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.files import artifacts
from lens.language.encoder import Encoder
from tests.helpers.word_pairs import jsonl, some_rows


def test_embeddings_are_made_anew_when_any_file_of_the_model_changes(llama_folder, tmp_path):
    folder = tmp_path / "llama"
    shutil.copytree(llama_folder, folder)
    pairs, encoder = read_pairs(some_rows(20)), lambda: Encoder(str(folder), device="cpu")
    embed_pairs(pairs, encoder()).save(tmp_path / "kept")
    assert saved_embeddings(tmp_path / "kept", pairs, encoder()) is not None
    [template] = [*folder.glob("*.jinja")]
    template.write_text(template.read_text() + " w5")
    assert saved_embeddings(tmp_path / "kept", pairs, encoder()) is None


def test_kept_embeddings_report_what_was_read_now(llama_folder, tmp_path):
    encoder = Encoder(str(llama_folder), device="cpu", max_length=8)
    rows = some_rows(20)
    embed_pairs(read_pairs(jsonl(tmp_path / "a.jsonl", rows)), encoder).save(tmp_path / "kept")
    bad = {"prompt": "w1", "chosen": "w2", "rejected": "w2"}
    renamed = read_pairs(jsonl(tmp_path / "b.jsonl", [*rows, bad]))
    encoder = Encoder(str(llama_folder), device="cpu", max_length=8)
    found = saved_embeddings(tmp_path / "kept", renamed, encoder)
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
        (lambda: Encoder("x/y", pooling="avg"), "pooling 'avg' is none of auto, last, mean, first"),
        (lambda: Encoder("x/y", too_long="cut"), "too_long 'cut' is none of"),
    ],
)
def test_mistakes_in_python_get_a_sentence(call, message):
    with pytest.raises(LensError, match=message):
        call()


def tournament(count):
    """Every pair of `count` rated answers to each of four prompts."""
    return [
        {"prompt": f"w{p} w9", "chosen": f"w{a} w1", "rejected": f"w{b} w1 w2"}
        for p in range(4)
        for a in range(10, 10 + count)
        for b in range(20, 20 + count)
    ]


def texts_embedded(monkeypatch):
    """A list that gets how many texts each call of an encoder reads from now on."""
    read, embed_tokens = [], Encoder.embed_tokens

    def counted(self, token_ids, names, **more):
        if more.get("progress", True):  # not those by which time is estimated
            read.append(len(token_ids))
        return embed_tokens(self, token_ids, names, **more)

    monkeypatch.setattr(Encoder, "embed_tokens", counted)
    return read


def test_more_pairs_read_new_texts_alone(llama_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LENS_CACHE", str(tmp_path / "cache"))
    read, told = texts_embedded(monkeypatch), []
    few, more = (read_pairs(tournament(count)) for count in (2, 3))
    encoder = Encoder(str(llama_folder), device="cpu")
    first = embed_pairs(few, encoder, estimate=lambda seconds, texts: told.append(texts))
    second = embed_pairs(more, encoder, estimate=lambda seconds, texts: told.append(texts))
    embed_pairs(more, encoder, estimate=lambda seconds, texts: told.append(texts))
    assert read == told == [4 * 2 * 2, 4 * 2]  # answers, each with its prompt; then none at all
    fresh = embed_pairs(more, Encoder(str(llama_folder), device="cpu", layer=1))
    assert read[2:] == [4 * 2 * 3]
    monkeypatch.setenv("LENS_CACHE", "off")
    expected = embed_pairs(more, encoder)
    for side in ("chosen", "rejected"):
        np.testing.assert_allclose(getattr(second, side), getattr(expected, side), atol=1e-5)
        assert not np.allclose(getattr(fresh, side), getattr(expected, side), atol=1e-2)
    shared = {tuple(row) for row in few.table[["prompt", "chosen"]].to_numpy()}
    rows = [tuple(row) in shared for row in more.table[["prompt", "chosen"]].to_numpy()]
    assert {v.tobytes() for v in second.chosen[rows]} == {v.tobytes() for v in first.chosen}


def test_each_text_is_saved_once(llama_folder, tmp_path):
    data = embed_pairs(read_pairs(tournament(3)), Encoder(str(llama_folder), device="cpu"))
    data.save(tmp_path / "kept")
    stored = artifacts.read_arrays(tmp_path / "kept/embeddings.safetensors")
    assert {name: len(array) for name, array in stored.items()} == {"texts": 4 * 2 * 3}
    found = EmbeddedPairs.load(tmp_path / "kept", device="cpu")
    assert len(found) == 4 * 9
    assert np.array_equal(found.chosen, data.chosen)
    assert np.array_equal(found.rejected, data.rejected)


def test_imported_embeddings_that_differ_for_one_text_are_saved_as_they_are(tmp_path):
    pairs = read_pairs(tournament(2))
    array = np.random.default_rng(0).normal(size=(len(pairs.table), 2, 5)).astype(np.float32)
    artifacts.write_npy(tmp_path / "e.npy", array)
    import_embeddings(pairs, tmp_path / "e.npy").save(tmp_path / "kept")
    found = EmbeddedPairs.load(tmp_path / "kept")
    assert np.array_equal(np.stack([found.chosen, found.rejected], axis=1), array)
