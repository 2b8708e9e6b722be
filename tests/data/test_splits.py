"""Who is held out: prompts by group, samples, and no prompt on both sides."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import (
    group_key,
    hold_out,
    keep_apart,
    normalise_pairs,
    sample_rows,
    split_by_group,
)
from lens.data.soft_labels import settled
from lens.data.splits import split_pairs
from tests.helpers.forms import MESSAGES, pairs_of, plain


def test_filtered_prompts_are_counted():
    rows = [
        (f"f, row {i}", {"prompt": p, "chosen": "a", "rejected": "b"})
        for i, p in enumerate(["SUBREDDIT: x", "TITLE: y"])
    ]
    pairs, report = normalise_pairs(rows, keep_prefix="SUBREDDIT:")
    assert len(pairs) == 1
    assert report.dropped == {"prompt_filtered_out": 1}


def test_group_key_sets_case_spacing_and_unicode_form_aside():
    keys = {
        group_key([{"role": "user", "content": text}], "prompt")
        for text in ("A  b", "a b ", "\uff41 b")
    }
    assert len(keys) == 1


def test_groups_by_first_turn_set_system_messages_aside():
    system = {"role": "system", "content": "Be brief."}
    other = [*MESSAGES[:2], {"role": "user", "content": "When?"}]
    assert group_key([system, *MESSAGES], "first_turn") == group_key(other, "first_turn") == "hi"
    assert group_key([system, *MESSAGES], "prompt") != group_key(other, "prompt")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60),
    st.floats(0.01, 0.99),
    st.integers(0, 99),
)
def test_no_group_stands_on_both_sides(groups, fraction, seed):
    groups = pd.Series(groups)
    if groups.nunique() < 2:
        with pytest.raises(LensError, match="share one prompt"):
            split_by_group(groups, fraction, seed)
        return
    test = split_by_group(groups, fraction, seed)
    assert not set(groups[test]) & set(groups[~test])
    assert test.any()
    assert not test.all()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.floats(0, 1), st.integers(0, 99))
def test_so_many_groups_are_held_out_whatever_the_order_of_rows(count, fraction, seed):
    groups = pd.Series([f"g{i % count}" for i in range(3 * count)])
    test = split_by_group(groups, fraction, seed)
    expected = sorted([1, round(fraction * count), count - 1])[1]
    assert groups[test].nunique() == expected
    turned = split_by_group(groups[::-1], fraction, seed)
    assert isinstance(turned, np.ndarray)  # by place, whatever the index
    assert set(groups[::-1][turned]) == set(groups[test])
    assert np.array_equal(hold_out(groups.to_numpy(), fraction, seed), test)


def test_which_groups_are_held_out_follows_the_seed():
    groups = pd.Series([f"g{i}" for i in range(60)])
    first, other = (split_by_group(groups, 0.5, seed) for seed in (0, 1))
    assert not np.array_equal(first, other)


def test_training_pairs_keep_apart_from_what_is_held_out():
    pairs, report = pairs_of(*(plain(f"p{i % 3}", id=f"x{i}") for i in range(6)))
    with pytest.raises(LensError) as error:
        keep_apart(pairs, {"p1"}, "prompt_is_held_out", report, "error")
    assert str(error.value) == (
        "f, row 2 (training pair x1): prompt is held out. "
        "Fix or remove the rows, or set `invalid_rows: drop` to drop and count them."
    )
    assert keep_apart(pairs, {"p9"}, "prompt_is_held_out", report, "error").equals(pairs)
    left = keep_apart(pairs, {"p1"}, "prompt_is_held_out", report, "drop")
    assert left["id"].tolist() == ["x0", "x2", "x3", "x5"]
    assert (report.kept, report.dropped) == (4, {"prompt_is_held_out": 2})
    assert report.first_dropped == {"prompt_is_held_out": ["f, row 2", "f, row 5"]}


def test_a_sample_may_be_everything_and_is_sorted():
    assert sample_rows(5, 5, seed=0).tolist() == [0, 1, 2, 3, 4]
    assert (np.diff(sample_rows(50, 20, seed=0)) > 0).all()


def test_samples_are_nested_and_follow_the_seed():
    small, large = sample_rows(1000, 50, seed=4), sample_rows(1000, 300, seed=4)
    assert set(small) < set(large)
    assert len(set(large)) == 300
    assert not np.array_equal(small, sample_rows(1000, 50, seed=5))
    with pytest.raises(LensError, match="2000 training pairs are asked for but only 1000"):
        sample_rows(1000, 2000, seed=4)


@pytest.mark.parametrize("seed", range(6))
def test_ties_change_no_test_set_and_are_never_all_of_it(seed):
    """Prompts are held out as they are where ties are dropped."""
    rows = [plain(f"p {n}", margin=0 if n % 4 else 1) for n in range(20)]
    made, _ = to_pairs([(f"f, row {n}", row) for n, row in enumerate(rows)], graded=True)
    tests = {}
    for labels in ("hard", "soft"):
        table, report = normalise_pairs(settled(made, labels), invalid_rows="drop")
        pairs = split_pairs(
            table,
            None,
            report,
            pool=None,
            group_by="prompt",
            invalid_rows="drop",
            test_fraction=0.3,
            max_train_pairs=None,
            max_test_pairs=None,
            seed=seed,
        )
        tests[labels] = pairs.loc[pairs["split"] == "test", "group"].tolist()
    assert tests["soft"] == tests["hard"] != []
