"""What a benchmark shares with the training prompts, counted by hand."""

import json

import pytest

from lens.evaluation.bench_rows import read_examples
from lens.evaluation.overlap import flags, overlap, sentence
from tests.helpers.random_text import text_of


def turns(*texts):
    roles = ["user", "assistant"] * len(texts)
    return json.dumps(
        [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)], ensure_ascii=False
    )


def examples(prompts):
    rows = [
        (f"bench, row {i}", {"prompt": prompt, "chosen": "a", "rejected": "b", "subset": subset})
        for i, (subset, prompt) in enumerate(prompts, 1)
    ]
    return read_examples(rows, 1)


@pytest.fixture
def shared():
    one, other, third = (text_of(80, seed) for seed in range(3))
    bench = [
        ("chat", one.upper()),
        ("chat", "quite another thing"),
        ("safety", other + "!"),
        ("safety", "  " + one),
        ("safety", third),
        ("code", "sort a list"),
    ]
    training = [turns(one), turns(other), turns(other), turns(third, "an answer", "and then?")]
    return overlap(examples(bench), training)


def test_equal_and_nearly_equal_prompts_are_counted_by_subset(shared):
    """A talk that goes on after a prompt of the benchmark counts, as does each example."""
    assert {name: shared[name] for name in ("prompts", "equal", "near_duplicates")} == {
        "prompts": 6,
        "equal": 3,
        "near_duplicates": 1,
    }
    assert shared["subsets"] == {
        "chat": {"prompts": 2, "equal": 1, "near_duplicates": 0},
        "safety": {"prompts": 3, "equal": 2, "near_duplicates": 1},
        "code": {"prompts": 1, "equal": 0, "near_duplicates": 0},
    }
    assert [one["example"] for one in shared["first"]] == [f"bench, row {i}" for i in (1, 3, 4, 5)]
    assert [one["similarity"] for one in shared["first"]] == [1, round(76 / 77, 3), 1, 1]
    assert shared["first"][1]["training_prompt"] == text_of(80, 1)


def test_the_sentence_names_the_counts_and_is_a_flag_only_where_there_is_overlap(shared):
    assert sentence(shared).startswith(
        "Of 6 prompts of the benchmark, 3 are training prompts and 1 more are near duplicates"
    )
    assert flags(shared) == [("benchmark_overlap", sentence(shared))]
    apart = overlap(examples([("chat", "hello there")]), [turns("sort a list")])
    assert (apart["equal"], apart["near_duplicates"], apart["first"]) == (0, 0, [])
    assert flags(apart) == []
    assert "Of 1 prompts" in sentence(apart)
