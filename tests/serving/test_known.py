"""Embeddings that are known: what identifies them, and whose name an error gives."""

import numpy as np
import pytest

from lens.files.embedding_cache import Cache
from lens.language.encoder import Encoder
from lens.serving import known


class Reader:
    """An encoder whose texts must have names with their first token."""

    def embed_tokens(self, token_ids, names, *, progress=True):
        for text, name in zip(token_ids, names, strict=True):
            assert name == f"text {text[0]}"
        return np.array([[text[0]] for text in token_ids], np.float32)


def test_each_text_goes_under_its_own_name():
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 150, size=400).tolist()
    texts, names = [[number, 1] for number in numbers], [f"text {number}" for number in numbers]
    told = []
    found = known.embed_new(
        Reader(), texts, names, Cache({}), estimate=lambda seconds, count: told.append(count)
    )
    assert found[:, 0].tolist() == numbers
    assert told == [len(set(numbers))]


@pytest.mark.parametrize("dtype", ["bfloat16", "auto"])
def test_a_gpu_computes_otherwise_where_precision_is_not_float32(llama_folder, monkeypatch, dtype):
    def request(dtype, device):
        monkeypatch.setattr(known, "pick_device", lambda asked: device)
        return known.encoder_request(Encoder(str(llama_folder), dtype=dtype))

    assert request(dtype, "cpu") != request(dtype, "cuda")
    assert request(dtype, "cuda:1") == request(dtype, "cuda")
    assert request("float32", "cpu") == request("float32", "cuda")
