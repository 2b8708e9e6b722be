"""Going on with more labels gives what all pairs at once give, and embeds new texts alone."""

import numpy as np
import pytest

import lens
from lens.advice.extend import extend_pairs, saved_pairs
from lens.core.errors import LensError
from lens.language.encoder import Encoder
from tests.helpers.embedded_pairs import embedded
from tests.helpers.word_pairs import some_rows


@pytest.fixture(scope="module")
def encoder(llama_folder):
    return Encoder(str(llama_folder), device="cpu")


@pytest.fixture(scope="module")
def whole(encoder):
    return lens.embed_pairs(lens.read_pairs(some_rows(60)), encoder)


@pytest.mark.slow
def test_in_two_parts_as_at_once(whole, encoder, tmp_path, monkeypatch):
    rows = some_rows(60)
    lens.embed_pairs(lens.read_pairs(rows[:40]), encoder).save(tmp_path / "first")
    before = saved_pairs(tmp_path / "first", device="cpu")
    read = []
    embed = Encoder.embed_tokens
    monkeypatch.setattr(
        Encoder, "embed_tokens", lambda *a, **k: read.append(len(a[1])) or embed(*a, **k)
    )
    after = extend_pairs(before, lens.read_pairs(rows))
    texts = {(r["prompt"], r[side]) for r in rows for side in ("chosen", "rejected")}
    old = {(r["prompt"], r[side]) for r in rows[:40] for side in ("chosen", "rejected")}
    assert read == [len(texts - old)]
    np.testing.assert_allclose(after.chosen, whole.chosen, atol=1e-6)
    models = [lens.fit(pairs) for pairs in (after, whole)]
    for model, other in [models]:
        for name, weights in model.head.weights.items():
            size = np.abs(weights).max()
            np.testing.assert_allclose(weights, other.head.weights[name], atol=1e-6 * size)
    assert after.sha256 == whole.sha256


def test_a_new_label_replaces_the_old_one(whole):
    first = some_rows(60)[0]
    turned = first | {"chosen": first["rejected"], "rejected": first["chosen"]}
    after = extend_pairs(whole, lens.read_pairs([turned]))
    assert len(after) == 60
    assert (after.table["chosen"].iloc[-1], after.table["id"].is_unique) == (turned["chosen"], True)
    np.testing.assert_array_equal(after.chosen[-1], whole.rejected[0])


def test_imported_embeddings_go_on_with_embeddings_alone():
    pairs = embedded(20)
    with pytest.raises(LensError, match="imported embeddings, so new texts need"):
        extend_pairs(pairs, lens.read_pairs(some_rows(3)))
    more = embedded(20, seed=1)
    more.table["prompt"] = "[1]"
    assert len(extend_pairs(pairs, more)) == 40
    with pytest.raises(LensError, match="features do not go together"):
        extend_pairs(pairs, embedded(20, dim=7))


def test_a_folder_without_pairs(tmp_path):
    with pytest.raises(LensError, match="holds no embedded pairs"):
        saved_pairs(tmp_path)
