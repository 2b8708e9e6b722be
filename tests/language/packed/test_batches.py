"""Which texts go through a model together, and what each adds to its neighbour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.language.packed.reading import FULL, batches, common, distinct_tokens


def once(texts):
    return [list(text) for text in dict.fromkeys(map(tuple, texts))]


@pytest.mark.slow
@given(
    st.lists(st.lists(st.integers(5, 7), min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(1, 40),
)
def test_batches_hold_every_row_once_within_the_budget(texts, budget):
    texts = once(texts)
    found = list(batches(texts, budget))
    assert sorted(row for batch in found for row in batch.rows) == list(range(len(texts)))
    for batch in found:
        assert batch.shared[0] == 0
        assert len(batch.rows) == 1 or batch.tokens <= budget
        assert batch.tokens == distinct_tokens([texts[row] for row in batch.rows])
        neighbours = zip(batch.rows, batch.rows[1:], batch.shared[1:], strict=False)
        assert all(common(texts[a], texts[b]) == shared for a, b, shared in neighbours)
    alone = list(batches(texts, budget, causal=False))
    assert sum(batch.tokens for batch in alone) == sum(map(len, texts))


def test_a_full_batch_ends_where_little_is_read_again():
    full = FULL["cpu"]
    prompts = [[number] * (full // 2) for number in range(5, 9)]
    texts = [[*prompt, last] for prompt in prompts for last in (50, 51)]
    assert [batch.rows for batch in batches(texts, 8192)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    many = [[*range(5, 45), *[last] * 100] for last in range(50, 60)]  # one tree larger than full
    assert [batch.tokens for batch in batches(many, 8192)] == [40 + 1000]
    assert [batch.tokens for batch in batches(many, 600)] == [540, 540]
    assert [len(batch.rows) for batch in batches(texts, 8192, "cuda")] == [8]
    assert [len(batch.rows) for batch in batches(texts, 8192, width=256)] == [8]  # half the work
    assert [len(batch.rows) for batch in batches(texts, 8192, width=1024)] == [4, 4]


def test_equal_texts_are_refused():
    with pytest.raises(ValueError, match="texts 0 and 2 are equal"):
        list(batches([[5, 6], [7], [5, 6]], 64))
