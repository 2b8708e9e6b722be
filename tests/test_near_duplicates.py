"""Near duplicates: none is counted wrongly, few are missed, and the report names them."""

import json
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens import near_duplicates as nd
from lens.data import normalise_pairs
from lens.errors import LensError
from lens.near_duplicates import near_duplicates, pieces, repeated, similarity
from lens.prepare import split_pairs

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def text_of(length, seed):
    return "".join(random.Random(seed).choices(LETTERS, k=length))


def test_pieces_of_short_and_long_texts():
    assert pieces("hi") == {"hi"}
    assert pieces("") == {""}
    assert pieces("abcdef") == {"abcde", "bcdef"}
    assert similarity(pieces("abcdef"), pieces("bcdefg")) == 1 / 3
    assert similarity(pieces("hi"), pieces("ho")) == 0


@pytest.mark.parametrize(("length", "near"), [(48, False), (49, True)])
def test_one_changed_letter_counts_from_49_characters_on(length, near):
    text = text_of(length, 0)
    changed = text[:20] + "_" + text[21:]
    assert bool(near_duplicates([text], [changed])) is near
    shared = length - 4 - 5
    assert similarity(pieces(text), pieces(changed)) == shared / (shared + 10)


def some_edits(text, edits):
    for place, letter in edits:
        text = text[: place % len(text)] + letter + text[place % len(text) :]
    return text


edits = st.lists(st.tuples(st.integers(0, 99), st.sampled_from("xyz ")), max_size=8)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(edits, min_size=1, max_size=6), st.lists(edits, min_size=1, max_size=6))
def test_what_is_found_is_what_comparing_all_with_all_finds(these, those):
    """A miss has a chance of 2 in 1,000 or less, and none comes up among these examples."""
    base = text_of(60, 1)
    texts, among = [[some_edits(base, edit) for edit in part] for part in (these, those)]
    exact = {}
    for i, text in enumerate(texts):
        scores = [similarity(pieces(text), pieces(other)) for other in among]
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


def test_the_chance_of_finding_a_pair_is_the_stated_one():
    """Pairs of sets with a known similarity, proposed as often as the formula says."""
    draw, times = random.Random(0), 400
    for shared, alone in ((20, 20), (30, 15), (40, 10)):
        chance = nd.chance_of_finding(shared / (shared + alone))
        index, proposed = nd.Index(), 0
        for place in range(times):
            words = [str(draw.random()) for _ in range(shared + alone)]
            one, other = words[: shared + alone // 2], words[:shared] + words[shared + alone // 2 :]
            sketches = [index._empty.copy() for _ in range(2)]
            for sketch, some in zip(sketches, (one, other), strict=True):
                sketch.update_batch([word.encode() for word in some])
            index._buckets.insert(place, sketches[0])
            proposed += place in index._buckets.query(sketches[1])
        spread = (times * chance * (1 - chance)) ** 0.5
        assert abs(proposed - times * chance) <= 3 * spread + 1
    assert nd.chance_of_finding(0.8) == pytest.approx(1 - (1 - 0.8**6) ** 21)
    assert nd.chance_of_finding(0.8) > 0.998


def test_a_sentence_is_said_only_where_some_are_found():
    long = text_of(80, 3)
    training = {"row 1": long, "row 2": "something else"}
    none = nd.counted({"row 9": "quite another"}, training)
    assert (none["near_duplicates"], none["share"], nd.flag(none, "test prompts")) == (0, 0.0, [])
    tests = {f"row {9 + i}": long + "?" * (i + 1) for i in range(6)} | {"row 15": text_of(80, 8)}
    some = nd.counted(tests, training)
    assert (some["prompts"], some["near_duplicates"], some["share"]) == (7, 6, 6 / 7)
    assert len(some["first"]) == nd.SHOWN
    assert some["first"][0]["prompt"] == "row 9"
    assert some["first"][0]["training_prompt"] == "row 1"
    ((name, detail),) = nd.flag(some, "test prompts")
    assert name == "near_duplicate_prompts"
    assert detail.startswith("6 of 7 test prompts (85.7 %), Jaccard 0.8")
    assert nd.counted({}, training)["share"] == 0.0


# The command


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs_of(prompts):
    return [{"prompt": prompt, "chosen": "good", "rejected": "bad"} for prompt in prompts]


def prepared(lens, tmp_path, *arguments):
    lens("prepare-pairs", *arguments, "--out", tmp_path / "pairs.parquet", "--out-prompts",
         tmp_path / "prompts.parquet", "--report", tmp_path / "report.json")  # fmt: skip
    return json.loads((tmp_path / "report.json").read_text())["metrics"]


def test_preparing_pairs_reports_near_duplicates_of_training_prompts(tmp_path, lens):
    ours = [text_of(80, seed) for seed in range(20)]
    train = write(tmp_path / "train.jsonl", pairs_of(ours))
    tests = [ours[3].upper() + "!", text_of(80, 99), ours[7] + " ?", ours[7] + "?!"]
    test = write(tmp_path / "test.jsonl", pairs_of(tests))
    pool = pd.DataFrame(
        {
            "prompt_id": ["a", "a", "b", "b"],
            "prompt": [json.dumps([{"role": "user", "content": text}]) for text in
                       (text_of(80, 77), text_of(80, 77), ours[5] + ".", ours[5] + ".")],
            "response": ["x", "y", "x", "y"],
        }
    )  # fmt: skip
    pool.to_parquet(tmp_path / "pool.parquet")
    metrics = prepared(
        lens, tmp_path, "--path", train, "--test-path", test, "--pool", tmp_path / "pool.parquet"
    )
    found = metrics["near_duplicates"]
    places = [(one["prompt"], one["training_prompt"]) for one in found["test"]["first"]]
    assert places == [
        (f"{test}, row 1", f"{train}, row 4"),
        (f"{test}, row 3", f"{train}, row 8"),
        (f"{test}, row 4", f"{train}, row 8"),
    ]
    assert (found["test"]["prompts"], found["test"]["near_duplicates"]) == (4, 3)
    assert (found["pool"]["prompts"], found["pool"]["near_duplicates"]) == (2, 1)
    assert found["pool"]["first"][0]["prompt"] == "prompt b"
    assert {flag["flag"] for flag in metrics["flags"]} == {"near_duplicate_prompts"}
    assert [flag["detail"].partition(",")[0] for flag in metrics["flags"]] == [
        "3 of 4 test prompts (75.0 %)",
        "1 of 2 pool prompts (50.0 %)",
    ]


def test_preparing_pairs_raises_no_flag_where_prompts_are_far_apart(tmp_path, lens):
    train = write(tmp_path / "train.jsonl", pairs_of(text_of(80, seed) for seed in range(20)))
    metrics = prepared(lens, tmp_path, "--path", train)
    assert metrics["flags"] == []
    assert metrics["near_duplicates"]["test"]["prompts"] == 4
    assert "pool" not in metrics["near_duplicates"]


def test_a_check_of_the_data_counts_near_duplicates(tmp_path, lens, capsys):
    base = text_of(80, 4)
    rows = pairs_of([base, text_of(80, 5), base + "?", base.upper(), text_of(80, 6)])
    lens("check", "data", write(tmp_path / "own.jsonl", rows))
    assert "1 of 4 prompts are near duplicates of an earlier one" in capsys.readouterr().out


# Equal prompts, after normalisation, never stand on both sides.


def disguised(text, form):
    return {
        "upper": text.upper(),
        "spaced": "  " + text.replace(" ", " \n\t ") + " ",
        "wide": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        "plain": text,
    }[form]


forms = st.sampled_from(["upper", "spaced", "wide", "plain"])
prompts = st.lists(st.tuples(st.integers(0, 11), forms), min_size=1, max_size=12)


@settings(max_examples=80, deadline=None)
@given(prompts, st.one_of(st.none(), prompts), st.one_of(st.none(), prompts), st.integers(0, 9))
def test_no_disguise_brings_a_test_or_pool_prompt_into_training(train, test, pool, seed):
    def table(some):
        rows = pairs_of(disguised(f"how to bake bread {number}?", form) for number, form in some)
        return normalise_pairs([(f"row {place}", row) for place, row in enumerate(rows, 1)])

    def groups(some):
        return {f"how to bake bread {number}?" for number, _ in some or []}

    pairs, report = table(train)
    candidates = table(pool)[0].rename(columns={"id": "prompt_id"}) if pool else None
    try:
        split = split_pairs(
            pairs, table(test)[0] if test else None, report, pool=candidates, group_by="prompt",
            invalid_rows="drop", test_fraction=0.3, max_train_pairs=None, max_test_pairs=None,
            seed=seed,
        )  # fmt: skip
    except LensError:
        left = groups(train) - groups(pool) - groups(test)
        assert len(left) < (1 if test else 2)
        return
    training = set(split.loc[split["split"] == "train", "group"])
    assert training
    assert not training & groups(pool)
    assert not training & set(split.loc[split["split"] == "test", "group"])
    assert not training & groups(test)
    assert training <= groups(train)
