"""Near duplicates in files: the report names them, and none trains."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.data.pairs import normalise_pairs
from lens.data.splits import split_pairs
from tests.helpers.random_text import text_of


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs_of(prompts):
    return [{"prompt": prompt, "chosen": "good", "rejected": "bad"} for prompt in prompts]


def prepared(lens, tmp_path, *arguments):
    lens(
        "prepare-pairs",
        *arguments,
        *(
            f"--out {tmp_path}/pairs.parquet --out-prompts {tmp_path}/prompts.parquet --report "
            f"{tmp_path}/report.json"
        ).split(),
    )
    return json.loads((tmp_path / "report.json").read_text())["metrics"]


def test_preparing_pairs_reports_near_duplicates_of_training_prompts(tmp_path, lens):
    ours = [text_of(80, seed) for seed in range(20)]
    train = write(tmp_path / "train.jsonl", pairs_of(ours))
    tests = [ours[3].upper() + "!", text_of(80, 99), ours[7] + " ?", ours[7] + "?!"]
    test = write(tmp_path / "test.jsonl", pairs_of(tests))
    pool = pd.DataFrame(
        {
            "prompt_id": ["a", "a", "b", "b"],
            "prompt": [
                json.dumps([{"role": "user", "content": text}])
                for text in (text_of(80, 77), text_of(80, 77), ours[5] + ".", ours[5] + ".")
            ],
            "response": ["x", "y", "x", "y"],
        }
    )
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


@pytest.mark.slow
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
            pairs,
            table(test)[0] if test else None,
            report,
            pool=candidates,
            group_by="prompt",
            invalid_rows="drop",
            test_fraction=0.3,
            max_train_pairs=None,
            max_test_pairs=None,
            seed=seed,
        )
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
