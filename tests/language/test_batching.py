"""Batches by token budget."""

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language.batching import distinct, pad, token_batches, while_memory_lasts
from lens.language.embedding import embed


def test_a_full_batch_ends_where_padding_would_exceed_a_tenth():
    assert list(token_batches([300, 290, 200, 190], 8192)) == [[0, 1], [2, 3]]
    assert list(token_batches([300, 290, 271], 8192)) == [[0, 1, 2]]
    assert list(token_batches([100, 60, 10], 8192)) == [[0, 1, 2]]  # not full yet
    assert list(token_batches([300, 290, 200, 190], 8192, "cuda")) == [[0, 1, 2, 3]]


def test_each_distinct_text_once():
    assert distinct([[5, 6], [7], [5, 6], []]) == ([[5, 6], [7], []], [0, 1, 0, 2])


def test_padding_on_either_side():
    ids, mask = pad([[5, 6], [7]], 9, "cpu")
    assert (ids.tolist(), mask.tolist()) == ([[5, 6], [7, 9]], [[1, 1], [1, 0]])
    ids, mask = pad([[5, 6], [7], []], 9, "cpu", left=True)
    assert ids.tolist() == [[5, 6], [9, 7], [9, 9]]
    assert mask.tolist() == [[1, 1], [0, 1], [0, 0]]


def small_memory(most):
    """Doubles numbers batch by batch on a device that holds `most` tokens."""
    budgets = []

    def run(rows, budget):
        budgets.append(budget)
        for batch in token_batches([1 + row % 3 for row in rows], budget):
            if sum(1 + rows[place] % 3 for place in batch) > most:
                raise torch.OutOfMemoryError("full")
            yield batch, torch.tensor([2 * rows[place] for place in batch])

    return run, budgets


def test_out_of_memory_goes_on_with_half_the_budget(caplog):
    run, budgets = small_memory(300)
    found = {}
    for rows, results in while_memory_lasts(run, 500, 1024):
        assert not found.keys() & set(rows), "a row was gone through twice"
        found.update(zip(rows, results.tolist(), strict=True))
    assert found == {row: 2 * row for row in range(500)}
    assert budgets == [1024, 512, 256]
    assert "batches of 256 tokens" in caplog.text


def test_memory_for_no_batch_at_all_is_said():
    run, _ = small_memory(1)
    with pytest.raises(LensError, match="no memory for a batch of 64 tokens"):
        list(while_memory_lasts(run, 5, 256))


def test_embedding_survives_a_full_device(llama_folder, monkeypatch):
    """The model refuses more than 200 tokens at a time: embeddings are those of small batches."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(llama_folder).eval()
    rng = np.random.default_rng(0)
    texts = [rng.integers(5, 40, size=rng.integers(4, 12)).tolist() for _ in range(90)]
    options = {"pooling": "last", "layer": -1}
    plain = embed(model, texts, batch_tokens=64, **options)
    forward = type(model).forward

    def full(self, **inputs):
        if inputs["input_ids"].numel() > 200:
            raise torch.OutOfMemoryError("full")
        return forward(self, **inputs)

    monkeypatch.setattr(type(model), "forward", full)
    np.testing.assert_allclose(embed(model, texts, batch_tokens=2048, **options), plain, atol=1e-5)
