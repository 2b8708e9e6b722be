"""Pooling and batching: an embedding depends on its own text alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.language.batching import pad, token_batches
from lens.language.embedding import POOLING, embed, last_token, mean_tokens

TOLERANCE = 1e-5  # float32; sums run in another order in another batch shape
HIDDEN = torch.arange(2 * 4 * 3, dtype=torch.float).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("mask", "last"),
    [
        ([[1, 1, 1, 1], [1, 1, 0, 0]], [3, 1]),  # right padding
        ([[1, 1, 1, 1], [0, 0, 1, 1]], [3, 3]),  # left padding
        ([[1, 0, 0, 0], [0, 0, 0, 1]], [0, 3]),  # a single token
        ([[0, 1, 1, 0], [0, 1, 0, 0]], [2, 1]),  # both sides
    ],
)
def test_pooling_on_either_padding_side(mask, last):
    mask = torch.tensor(mask)
    expected_last = torch.stack([HIDDEN[row, position] for row, position in enumerate(last)])
    assert torch.equal(last_token(HIDDEN, mask), expected_last)
    expected_mean = torch.stack([HIDDEN[row][mask[row] == 1].mean(dim=0) for row in range(2)])
    torch.testing.assert_close(mean_tokens(HIDDEN, mask), expected_mean)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(0, 4), st.integers(0, 4), st.integers(0, 2**31))
def test_padding_never_changes_what_is_pooled(length, left, right, seed):
    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(1, length, 5, generator=generator)
    junk = torch.randn(1, left + length + right, 5, generator=generator)
    junk[:, left : left + length] = text
    mask = torch.zeros(1, junk.shape[1], dtype=torch.long)
    mask[:, left : left + length] = 1
    assert torch.equal(last_token(junk, mask), text[:, -1])
    torch.testing.assert_close(mean_tokens(junk, mask), text.mean(dim=1))


@st.composite
def padded_batches(draw):
    """(texts' states, hidden [n, t, d], mask [n, t]): each text with padding on either side, whose
    values are anything finite."""
    width, features = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    texts, hidden, mask = [], [], []
    for _ in range(draw(st.integers(1, 5))):
        length = draw(st.integers(1, width))
        left = draw(st.sampled_from([0, width - length]) | st.integers(0, width - length))
        texts.append(torch.randn(length, features, generator=generator))
        scale = draw(st.sampled_from([0.0, 1.0, 1e6]))
        row = scale * torch.randn(width, features, generator=generator)
        row[left : left + length] = texts[-1]
        hidden.append(row)
        mask.append([int(left <= place < left + length) for place in range(width)])
    return texts, torch.stack(hidden), torch.tensor(mask)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(padded_batches(), st.randoms())
def test_each_text_of_a_batch_is_pooled_as_if_alone(batch, random):
    texts, hidden, mask = batch
    order = list(range(len(texts)))
    random.shuffle(order)
    for pool in POOLING.values():
        whole = pool(hidden, mask)
        torch.testing.assert_close(pool(hidden[order], mask[order]), whole[order])
        for text, pooled in zip(texts, whole, strict=True):
            alone = pool(text[None], torch.ones(1, len(text), dtype=torch.long))[0]
            torch.testing.assert_close(pooled, alone)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(padded_batches(), st.sampled_from([0.0, -1e30, float("nan"), float("inf")]))
def test_what_stands_in_padding_is_never_pooled(batch, junk):
    texts, hidden, mask = batch
    other = hidden.masked_fill(mask[..., None] == 0, junk)
    for pool in POOLING.values():
        assert torch.equal(pool(other, mask), pool(hidden, mask))
    mean = mean_tokens(other, mask)
    low = torch.stack([text.amin(dim=0) for text in texts])
    high = torch.stack([text.amax(dim=0) for text in texts])
    assert ((low - 1e-5 <= mean) & (mean <= high + 1e-5)).all()


def load(folder):
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder).eval()


def token_rows(count=23, seed=0):
    rng = np.random.default_rng(seed)
    # token 2 is the end token and stands inside and at the end of texts
    return [[1, *rng.integers(2, 40, rng.integers(1, 30)), 2] for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "bert"])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_batches_equal_one_text_at_a_time(request, architecture, pooling):
    model, rows = load(request.getfixturevalue(f"{architecture}_folder")), token_rows()
    expected = []
    for row in rows:
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([row])).last_hidden_state[0]
        expected.append(hidden[-1] if pooling == "last" else hidden.mean(dim=0))
    for batch_tokens in (1, 64, 10_000):
        got = embed(model, rows, pooling=pooling, layer=-1, batch_tokens=batch_tokens)
        np.testing.assert_allclose(got, torch.stack(expected).numpy(), atol=TOLERANCE)


def test_order_and_neighbours_do_not_matter(llama_folder):
    model, rows = load(llama_folder), token_rows()
    order = np.random.default_rng(1).permutation(len(rows))
    options = {"pooling": "last", "layer": -1, "batch_tokens": 100}
    whole = embed(model, rows, **options)
    shuffled = embed(model, [rows[i] for i in order], **options)
    few = embed(model, rows[:3], **options)
    np.testing.assert_allclose(shuffled, whole[order], atol=TOLERANCE)
    np.testing.assert_allclose(few, whole[:3], atol=TOLERANCE)


def test_padding_token_may_be_the_end_token(llama_folder):
    """Only the mask says what is padding: filling with the end token changes nothing."""
    model, rows = load(llama_folder), token_rows(6)
    ids, mask = pad(rows, 0, "cpu")
    with torch.inference_mode():
        zero = last_token(model(input_ids=ids, attention_mask=mask).last_hidden_state, mask)
        ids[mask == 0] = 2
        end = last_token(model(input_ids=ids, attention_mask=mask).last_hidden_state, mask)
    torch.testing.assert_close(zero, end, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("pooling", POOLING)
def test_a_text_without_tokens_is_refused(llama_folder, pooling):
    """Its mask would be 0 everywhere, and what is pooled the state of padding."""
    options = {"pooling": pooling, "layer": -1, "batch_tokens": 100}
    with pytest.raises(LensError, match="text 2 of 3 has no token"):
        embed(load(llama_folder), [[1, 5], [], [1]], **options)
    with pytest.raises(LensError, match="text 1 of 2 has no token"):
        embed(load(llama_folder), [[], [1]], **options)


def test_layers(llama_folder):
    model, rows = load(llama_folder), token_rows(3)
    options = {"pooling": "last", "batch_tokens": 1}
    inputs = embed(model, rows, layer=0, **options)
    expected = torch.stack([model.embed_tokens(torch.tensor(row[-1])) for row in rows])
    np.testing.assert_allclose(inputs, expected.detach().numpy(), atol=TOLERANCE)
    final = embed(model, rows, layer=-1, **options)
    assert not np.allclose(embed(model, rows, layer=1, **options), final, atol=1e-2)
    with pytest.raises(LensError, match="layers 0 to 2"):
        embed(model, rows, layer=3, **options)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 200))
def test_token_batches_hold_every_row_once_within_the_budget(lengths, budget):
    batches = list(token_batches(lengths, budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
