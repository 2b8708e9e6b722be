"""Batches by token budget."""

from lens.batching import pad, token_batches


def test_a_full_batch_ends_where_padding_would_exceed_a_tenth():
    assert list(token_batches([300, 290, 200, 190], 8192)) == [[0, 1], [2, 3]]
    assert list(token_batches([300, 290, 271], 8192)) == [[0, 1, 2]]
    assert list(token_batches([100, 60, 10], 8192)) == [[0, 1, 2]]  # not full yet
    assert list(token_batches([300, 290, 200, 190], 8192, "cuda")) == [[0, 1, 2, 3]]


def test_what_stands_before_a_row_counts_against_the_budget_alone():
    assert list(token_batches([5, 5, 5], 30, before=[0, 0, 0])) == [[0, 1, 2]]
    assert list(token_batches([5, 5, 5], 30, before=[0, 0, 10])) == [[2, 0], [1]]
    assert list(token_batches([5, 5], 30, before=[40, 0])) == [[0], [1]]


def test_padding_on_either_side():
    ids, mask = pad([[5, 6], [7]], 9, "cpu")
    assert (ids.tolist(), mask.tolist()) == ([[5, 6], [7, 9]], [[1, 1], [1, 0]])
    ids, mask = pad([[5, 6], [7], []], 9, "cpu", left=True)
    assert ids.tolist() == [[5, 6], [9, 7], [9, 9]]
    assert mask.tolist() == [[1, 1], [0, 1], [0, 0]]
