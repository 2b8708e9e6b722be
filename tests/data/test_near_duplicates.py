"""Near duplicates: none is counted wrongly, few are missed, and the report names them."""

import random
from collections import Counter
from itertools import pairwise

import datasketch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.data import near_duplicates as nd
from lens.data.near_duplicates import near_duplicates, pieces, repeated, similarity
from tests.helpers.random_text import text_of


def stretches(text):
    """The definition: a text's set of pieces, as strings."""
    return {text[start : start + 5] for start in range(max(1, len(text) - 4))}


def jaccard(one, other):
    return len(one & other) / len(one | other)


def without_template(texts):
    """The definition: the sets of pieces to be compared, the template's left out."""
    every = [stretches(text) for text in texts]
    counts = Counter(piece for one in every for piece in one)
    common = {piece for piece, count in counts.items() if count > len(texts) / 2}
    share = sum(counts[piece] for piece in common) / sum(counts.values())
    if len(texts) < 20 or share < 1 / 3:
        return every
    return [one - common or one for one in every]


unicode_texts = st.lists(st.text(st.characters(max_codepoint=0x1F640)), min_size=2, max_size=9)


@pytest.mark.slow
@given(unicode_texts)
def test_pieces_are_the_stretches_of_five_characters(texts):
    for one, other in pairwise(texts):
        assert len(pieces(one)) == len(stretches(one))
        assert np.all(np.diff(pieces(one).astype(object)) > 0)
        expected = jaccard(stretches(one), stretches(other))
        assert similarity(pieces(one), pieces(other)) == expected


def test_pieces_of_short_and_long_texts():
    assert [len(pieces(text)) for text in ("hi", "", "abcde", "abcdef")] == [1, 1, 1, 2]
    assert similarity(pieces(""), pieces("")) == 1
    assert similarity(pieces("abcdef"), pieces("bcdefg")) == 1 / 3
    assert similarity(pieces("hi"), pieces("ho")) == 0


@pytest.mark.parametrize(("length", "near"), [(48, False), (49, True)])
def test_one_changed_letter_counts_from_49_characters_on(length, near):
    text = text_of(length, 0)
    changed = text[:20] + "_" + text[21:]
    assert bool(near_duplicates([text], [changed])) is near
    shared = length - 4 - 5
    assert similarity(pieces(text), pieces(changed)) == shared / (shared + 10)


@pytest.mark.parametrize(("length", "near"), [(99, False), (100, True)])
def test_the_beginning_of_a_text_counts_from_four_fifths_of_its_pieces_on(length, near):
    text = text_of(124, 0)
    assert len(stretches(text)) == 120
    assert bool(near_duplicates([text], [text[:length]])) is near
    assert bool(near_duplicates([text[:length]], [text])) is near


def some_edits(text, edits):
    for place, letter in edits:
        text = text[: place % len(text)] + letter + text[place % len(text) :]
    return text


edits = st.lists(st.tuples(st.integers(0, 99), st.sampled_from("xyz ")), max_size=8)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(edits, min_size=1, max_size=6), st.lists(edits, min_size=1, max_size=6))
def test_what_is_found_is_what_comparing_all_with_all_finds(these, those):
    """A miss has a chance of 2 in 1,000 or less, and none comes up among these examples."""
    base = text_of(60, 1)
    texts, among = [[some_edits(base, edit) for edit in part] for part in (these, those)]
    exact = {}
    for i, text in enumerate(texts):
        scores = [jaccard(stretches(text), stretches(other)) for other in among]
        near = [(j, score) for j, score in enumerate(scores) if score >= nd.THRESHOLD]
        if near:
            exact[i] = near[0]
    assert near_duplicates(texts, among) == exact


def test_what_stands_before_is_found_within_one_list():
    long = text_of(80, 2)
    texts = ["how are you", long, "another prompt", long + "?", "how are you", "new"]
    found = repeated(texts)
    assert list(found) == [3, 4]
    assert found[4] == (0, 1.0)
    assert found[3][0] == 1
    assert repeated(texts[:3]) == {}


def test_the_first_of_several_is_named():
    """A set of 1 and 8 gives 8 first, so that the order is one that `near` must make."""
    base = text_of(80, 9)
    texts = [text_of(80, seed) for seed in range(20, 29)] + [base + "!"]
    texts[1], texts[8] = base, base + "?"
    assert list({1, 8}) == [8, 1]
    assert {place: first for place, (first, _) in repeated(texts).items()} == {8: 1, 9: 1}


TEMPLATE = (
    "below is an instruction that describes a task. write a response that appropriately "
    "completes the request. ### instruction: {} ### response:"
)


def filled(seeds, template=TEMPLATE):
    return [template.format(text_of(30 + seed % 40, seed)) for seed in seeds]


def test_prompts_of_one_template_are_compared_by_what_fills_it():
    """Of 40, three have a near duplicate: a letter more, a template alone, the same said again."""
    texts = filled(range(40))
    assert jaccard(stretches(texts[0]), stretches(texts[30])) > 0.5
    nothing = TEMPLATE.partition("{}")[0]
    texts += [TEMPLATE.format(text_of(69, 39) + "?"), nothing, texts[3], nothing]
    sets = without_template(texts)
    exact = {}
    for i, one in enumerate(sets):
        scores = [(j, jaccard(one, sets[j])) for j in range(i)]
        near = [(j, score) for j, score in scores if score >= 0.8]
        exact |= {i: near[0]} if near else {}
    assert {place: first for place, (first, _) in exact.items()} == {40: 39, 42: 3, 43: 41}
    assert repeated(texts) == exact
    assert near_duplicates(texts[40:], texts[:40]) == {0: exact[40], 2: exact[42]}


def test_a_long_template_makes_no_near_duplicates():
    long = "a system prompt of some length stands here. " + TEMPLATE * 2
    texts = [long.replace("{}", text_of(30, seed)) for seed in range(30)]
    assert jaccard(stretches(texts[0]), stretches(texts[1])) > 0.6
    texts = [text_of(400, 1) + text for text in texts]
    assert jaccard(stretches(texts[0]), stretches(texts[1])) > 0.8
    assert repeated(texts) == {}
    assert list(repeated(texts[:19])) == list(range(1, 19))  # too few to have a template


@pytest.mark.parametrize(("shared", "left_out"), [(20, False), (60, True)])
def test_what_prompts_share_is_left_out_only_where_it_is_a_third_of_them(shared, left_out):
    texts = [text_of(shared, 1) + text_of(70, seed) for seed in range(2, 32)]
    assert bool(len(nd.template(texts))) is left_out
    common = stretches(texts[0]) - set.union(*without_template(texts))
    assert len(nd.template(texts)) == len(common)


def test_a_template_is_found_in_a_part_of_many_prompts():
    """Every second and more of 4,000 are looked at, from the first to the last."""
    texts = filled(range(2000)) + [text_of(60, seed) for seed in range(2000)]
    assert len(nd.template(texts)) == 0
    texts = filled(range(2200)) + [text_of(60, seed) for seed in range(1800)]
    inside = stretches(TEMPLATE.partition("{}")[0]) | stretches(TEMPLATE.partition("{}")[2])
    assert len(nd.template(texts)) == len(inside)


def counting(monkeypatch, owner, name, weigh):
    """A list that grows by `weigh(result)` with every call."""
    seen, original = [], getattr(owner, name)

    def counted(*arguments):
        result = original(*arguments)
        seen.append(weigh(result))
        return result

    monkeypatch.setattr(owner, name, counted)
    return seen


def test_few_pairs_of_templated_prompts_are_proposed_and_fewer_compared(monkeypatch):
    """One template is left out; of three, none in most prompts, the MinHashes say enough."""
    proposed = counting(monkeypatch, datasketch.MinHashLSH, "query", len)
    compared = counting(monkeypatch, nd, "similarity", lambda score: 1)
    pairs = 300 * 299 / 2
    assert repeated(filled(range(300))) == {}
    assert sum(proposed) < 0.001 * pairs
    proposed.clear(), compared.clear()
    parts = [filled(range(i, 300, 3), text_of(100, i) + "{}") for i in range(3)]
    assert repeated([text for part in parts for text in part]) == {}
    assert sum(proposed) > 0.05 * pairs
    assert sum(compared) < 0.1 * sum(proposed)


@pytest.mark.slow
def test_the_chance_of_finding_a_pair_is_the_stated_one():
    """Pairs of sets with a known similarity, proposed as often as the formula says."""
    draw, times = random.Random(0), 400
    for shared, alone in ((20, 20), (30, 15), (40, 10)):
        chance = nd.chance_of_finding(shared / (shared + alone))
        index, proposed = nd.Index(times, np.empty(0, np.uint64)), 0
        for place in range(times):
            words = [draw.getrandbits(32) for _ in range(shared + alone)]
            one, other = words[: shared + alone // 2], words[:shared] + words[shared + alone // 2 :]
            sketches = [index._empty.copy() for _ in range(2)]
            for sketch, some in zip(sketches, (one, other), strict=True):
                sketch.update_batch(some)
            index._buckets.insert(place, sketches[0])
            proposed += place in index._buckets.query(sketches[1])
        spread = (times * chance * (1 - chance)) ** 0.5
        assert abs(proposed - times * chance) <= 3 * spread + 1
    assert nd.chance_of_finding(0.8) == pytest.approx(1 - (1 - 0.8**6) ** 21)
    assert nd.chance_of_finding(0.8) > 0.998


def test_a_sentence_is_said_only_where_some_are_found():
    long = text_of(80, 3)
    training = {"row 1": long, "row 2": "something else"}
    none = nd.count_near_duplicates({"row 9": "quite another"}, training)
    assert (none["near_duplicates"], none["share"], nd.flag(none, "test prompts")) == (0, 0.0, [])
    tests = {f"row {9 + i}": long + "?" * (i + 1) for i in range(6)} | {"row 15": text_of(80, 8)}
    some = nd.count_near_duplicates(tests, training)
    assert (some["prompts"], some["near_duplicates"], some["share"]) == (7, 6, 6 / 7)
    assert len(some["first"]) == nd.SHOWN
    assert some["first"][0]["prompt"] == "row 9"
    assert some["first"][0]["training_prompt"] == "row 1"
    ((name, detail),) = nd.flag(some, "test prompts")
    assert name == "near_duplicate_prompts"
    assert detail.startswith("6 of 7 test prompts (85.7 %), Jaccard 0.8")
    assert nd.count_near_duplicates({}, training)["share"] == 0.0
