"""Which responses are put beside each other, and how the scale is met."""

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.reward.training_set import training_set
from lens.textspace import self_evolved, text_pairs
from lens.textspace.rejection_sampling import gold_by_seed, pick, same_questions, to_train_on
from lens.textspace.text_embeddings import with_synthetic


def table(count=6, tests=4):
    rows = count + tests
    return pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(rows)],
            "prompt": [f"prompt {i}" for i in range(rows)],
            "chosen": [f"good {i}" for i in range(rows)],
            "rejected": [f"bad {i}" for i in range(rows)],
            "group": [f"prompt {i}" for i in range(rows)],
            "split": ["train"] * count + ["test"] * tests,
        }
    )


def scored(pairs, responses=4):
    rows = [
        (key, prompt, f"r{n}", float(n))
        for key, prompt in zip(pairs["id"], pairs["prompt"], strict=True)
        for n in range(responses)
    ]
    return pd.DataFrame(rows, columns=["prompt_id", "prompt", "response", "score"])


def test_top_and_bottom_come_first_and_every_pair_is_ordered():
    scores = [0.5, 2.0, -1.0, 1.0]
    pairs = text_pairs.by_score(["a", "b", "c", "d"], scores, seed=0)
    assert pairs[0] == (1, 2, 3.0)
    assert len(pairs) == 6
    assert len({frozenset(pair[:2]) for pair in pairs}) == 6
    assert all(scores[a] > scores[b] for a, b, _ in pairs)
    assert all(margin == scores[a] - scores[b] for a, b, margin in pairs)


def test_other_pairs_come_in_an_order_that_the_seed_decides():
    orders = [
        tuple(text_pairs.by_score("abcdef", [1, 2, 3, 4, 5, 6], seed=seed)[1:])
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_ties_copies_and_empty_responses_make_no_pair():
    assert text_pairs.by_score(["a", "b"], [1.0, 1.0], seed=0) == []
    assert text_pairs.by_score(["a", " a ", ""], [1.0, 2.0, 3.0], seed=0) == []
    assert text_pairs.by_score(["a", "", "b", "a"], [1.0, 9.0, 2.0, 7.0], seed=0) == [(2, 0, 1.0)]


def test_pairs_to_judge_are_distinct_and_no_more_than_asked():
    pairs = text_pairs.pairs_to_judge(["a", "b", "", "c", "a"], 2, seed=0)
    assert len(pairs) == 2
    everything = text_pairs.pairs_to_judge(["a", "b", "", "c", "a"], 99, seed=0)
    assert {frozenset(pair) for pair in everything} == {
        frozenset(pair) for pair in ((0, 1), (0, 3), (1, 3))
    }


def test_the_same_pairs_are_spent_as_by_the_latent_methods():
    pairs = table(40, 0)
    data = training_set(
        pairs,
        {"chosen": np.eye(40, 3), "rejected": -np.eye(40, 3)},
        n_pairs=20,
        seed=5,
        validation_fraction=0.2,
    )
    mine = text_pairs.seed_rows(pairs, 20, 5)
    assert sorted(mine) == sorted([*data.rows, *data.validation_rows])


def test_training_prompts_are_the_seeds_pairs_alone():
    pairs = table(40, 10)
    prompts = text_pairs.training_prompts(pairs, 5, [0, 1])
    spent = {i for seed in (0, 1) for i in text_pairs.seed_rows(pairs, 5, seed)}
    assert set(prompts["prompt_id"]) == {f"p{i}" for i in spent}
    assert list(prompts.columns) == ["prompt_id", "prompt", "group"]


def test_held_out_prompts_are_neither_trained_on_nor_judged_by():
    pairs = table(6, 10)
    used = pairs.iloc[[6, 7]].rename(columns={"id": "prompt_id"})
    found = text_pairs.held_out_prompts(pairs, used, 5, seed=0)
    assert len(found) == 5
    assert set(found["prompt_id"]) <= {f"p{i}" for i in range(8, 16)}
    with pytest.raises(LensError, match=r"9 held-out prompts are needed, but .* has only 8"):
        text_pairs.held_out_prompts(pairs, used, 9, seed=0)


def options(pairs, seed=0):
    return text_pairs.options_by_score(scored(pairs), seed)


def test_pairs_are_dealt_in_rounds_so_that_a_scale_begins_as_the_smaller_one():
    pairs = table()
    rows = np.arange(6)
    large = text_pairs.synthetic_pairs(pairs, rows, options(pairs), scale=4, seed=3)
    small = text_pairs.synthetic_pairs(pairs, rows, options(pairs), scale=2, seed=3)
    assert len(large) == 18
    pd.testing.assert_frame_equal(large.iloc[:6], small)
    assert (small["chosen"] == "r3").all()  # the first round is every prompt's top and bottom
    assert (small["rejected"] == "r0").all()
    assert (large.groupby("prompt").size() == 3).all()
    assert not large.duplicated(["prompt", "chosen", "rejected"]).any()
    assert set(large["seed"]) == {3}


def test_others_make_up_for_a_prompt_with_too_few_and_too_few_in_all_is_an_error():
    pairs = table(3, 0)
    some = options(pairs) | {"prompt 1": []}
    found = text_pairs.synthetic_pairs(pairs, np.arange(3), some, scale=4, seed=0)
    assert found.groupby("prompt").size().to_dict() == {"prompt 0": 5, "prompt 2": 4}
    assert text_pairs.shortage(pairs, some, 4) == {
        "prompts": 3,
        "prompts_without_pairs": 1,
        "prompts_with_too_few_pairs": 1,
    }
    with pytest.raises(
        LensError, match=r"scale 6 needs 15 .* make 12: at most 6 .*, none for 1 of 3 prompts"
    ):
        text_pairs.synthetic_pairs(pairs, np.arange(3), some, scale=6, seed=0)


def test_pairs_that_share_a_prompt_share_its_responses_without_copies():
    pairs = table(2, 0).assign(prompt="same")
    some = {"same": [("a", "b", 1.0), ("c", "d", 1.0), ("e", "f", 1.0)]}
    found = text_pairs.synthetic_pairs(pairs, np.arange(2), some, scale=2, seed=0)
    assert list(found["chosen"]) == ["a", "c"]
    assert list(found["id"]) == ["p0", "p1"]


def test_verdicts_become_pairs_and_those_without_one_do_not():
    judged = pd.DataFrame(
        {
            "prompt": ["x", "x", "x", "y"],
            "a": ["1", "2", "3", "4"],
            "b": ["5", "6", "7", "8"],
            "preferred": ["a", "b", "tie", "none"],
        }
    )
    found = text_pairs.options_by_preference(judged)
    assert found == {"x": [("1", "5", 1.0), ("6", "2", 1.0)], "y": []}


def test_training_pairs_repeat_originals_or_add_what_was_made():
    pairs = table()
    rows = np.array([4, 1])
    made = text_pairs.synthetic_pairs(pairs, rows, options(pairs), scale=4, seed=0)
    repeat = text_pairs.training_pairs(pairs, rows, None, scale=3, seed=0)
    assert list(repeat["chosen"]) == ["good 4", "good 1"]  # gone through three times
    mixed = text_pairs.training_pairs(pairs, rows, made, scale=2, seed=0)
    assert list(mixed["chosen"]) == ["good 4", "good 1", "r3", "r3"]
    assert list(mixed["rejected"]) == ["bad 4", "bad 1", "r0", "r0"]
    alone = text_pairs.training_pairs(pairs, rows, made, scale=1, seed=0)
    assert len(alone) == 2
    with pytest.raises(LensError, match="seed 1: 0 synthetic pairs are too few for scale 2"):
        text_pairs.training_pairs(pairs, rows, made, scale=2, seed=1)


def test_pairs_made_for_one_scale_serve_that_scale_alone():
    pairs, rows = table(), np.array([0, 1])
    made = pd.concat(
        [
            pd.DataFrame(
                {
                    "seed": 0,
                    "prompt": ["x"] * n,
                    "chosen": [f"k{k}"] * n,
                    "rejected": ["y"] * n,
                    "scale": k,
                }
            )
            for k, n in ((4, 6), (2, 2))
        ]
    )
    found = text_pairs.training_pairs(pairs, rows, made, scale=2, seed=0)
    assert list(found["chosen"]) == ["good 0", "good 1", "k2", "k2"]


def test_no_test_pair_is_spent():
    pairs = table(6, 4)
    pairs["split"] = ["test", "train"] * 5
    assert set(text_pairs.seed_rows(pairs, 5, 0)) == {1, 3, 5, 7, 9}


def test_a_prompt_in_another_spelling_is_not_held_out_beside_itself():
    pairs = table(2, 3)
    pairs.loc[[2, 3], "group"] = "the same"
    used = pairs.iloc[[2]].rename(columns={"id": "prompt_id"})
    found = text_pairs.held_out_prompts(pairs, used, 1, seed=0)
    assert list(found["prompt_id"]) == ["p4"]


def test_a_response_without_a_score_makes_no_pair():
    nan = float("nan")
    assert text_pairs.by_score(["a", "b", "c"], [1.0, nan, 2.0], seed=0) == [(2, 0, 1.0)]


def test_synthetic_text_joins_a_training_set_but_not_for_held_out_prompts():
    pairs = table(20, 0)
    rng = np.random.default_rng(0)
    data = training_set(
        pairs,
        {side: rng.normal(size=(20, 3)) for side in ("chosen", "rejected")},
        n_pairs=20,
        seed=0,
        validation_fraction=0.2,
    )
    kept, held = data.groups[0], data.validation_groups[0]
    responses = pd.DataFrame(
        {"prompt": [kept, kept, held, held], "response": ["a", "b ", "a", "b"]}
    )
    embeddings = np.arange(12, dtype=np.float32).reshape(4, 3)
    made = pd.DataFrame(
        {
            "prompt": [kept, held],
            "group": [kept, held],
            "chosen": ["b", "a"],
            "rejected": ["a", "b"],
        }
    )
    found = with_synthetic(data, made, responses, embeddings)
    assert len(found.chosen) == len(found.rejected) == len(data.chosen) + 1
    np.testing.assert_array_equal(found.chosen[-1], data.standardiser(embeddings[1]))
    np.testing.assert_array_equal(found.rejected[-1], data.standardiser(embeddings[0]))
    assert found.groups[-1] == kept
    np.testing.assert_array_equal(found.validation_chosen, data.validation_chosen)


def test_agreement_counts_order_and_half_for_ties():
    made = pd.DataFrame(
        {"prompt": ["x"] * 3, "chosen": ["a", "b", "a"], "rejected": ["b", "a", "c"]}
    )
    scores = pd.DataFrame(
        {"prompt": ["x"] * 3, "response": ["a ", "b", "c"], "score": [1.0, 0.0, 1.0]}
    )
    assert text_pairs.agreement(made, scores) == pytest.approx((1 + 0 + 0.5) / 3)


def test_self_evolved_trains_again_on_what_it_was_sure_of():
    pairs, rows = table(6, 0), np.arange(6)
    responses = scored(pairs).drop(columns="score")
    seen = []

    def train_and_score(training):
        seen.append(len(training))
        return np.tile([0.0, 1.0, 2.0, 5.0], 6)

    made, rounds = self_evolved.evolve(
        pairs, rows, responses, train_and_score, scale=3, rounds=2, confidence=0.6, seed=0
    )
    assert seen == [6, 12]  # the originals, then with the first half of 12
    assert len(made) == 12
    assert not made.duplicated(["prompt", "chosen", "rejected"]).any()
    first, second = made.iloc[:6], made.iloc[6:]
    assert set(zip(first["chosen"], first["rejected"], strict=True)) == {("r3", "r0")}
    assert set(zip(second["chosen"], second["rejected"], strict=True)) == {("r3", "r1")}
    assert rounds[0]["mean_confidence"] == pytest.approx(1 / (1 + np.exp(-5)))
    assert rounds[1]["mean_confidence"] == pytest.approx(1 / (1 + np.exp(-4)))


def test_self_evolved_takes_no_pair_below_its_confidence():
    pairs, rows = table(6, 0), np.arange(6)
    responses = scored(pairs).drop(columns="score")
    with pytest.raises(LensError, match=r"round 1: 6 pairs are needed, but .* only 0 .* of 0\.9"):
        self_evolved.evolve(
            pairs,
            rows,
            responses,
            lambda _: np.tile([0.0, 0.1, 0.2, 0.3], 6),
            scale=3,
            rounds=2,
            confidence=0.9,
            seed=0,
        )


def responses_of(*texts):
    return pd.DataFrame(
        {
            "prompt_id": ["x"] * len(texts) + ["y"],
            "prompt": ["X"] * len(texts) + ["Y"],
            "group": ["X"] * len(texts) + ["Y"],
            "response": [*texts, "only"],
            "finished": [text != "c" for text in (*texts, "only")],
        }
    )


def test_pick_takes_the_highest_reward_and_an_empty_text_only_for_want_of_another():
    table = responses_of("a", "b", "", "c")
    found = pick(table, np.array([1.0, 3.0, 9.0, 3.0, -5.0]))
    assert list(found["response"]) == ["b", "only"]
    assert list(found["reward"]) == [3.0, -5.0]
    assert list(pick(table, np.array([1.0, 3.0, 9.0, 4.0, -5.0]))["finished"]) == [False, True]
    empty = pick(responses_of("", " "), np.zeros(3)).assign(seed=0)
    assert list(to_train_on(empty, 0)["response"]) == ["only"]
    with pytest.raises(LensError, match="seed 0: every picked response is empty"):
        to_train_on(empty.iloc[:1], 0)


def test_answers_of_two_models_are_compared_on_the_same_prompts_only():
    first = responses_of("a").assign(candidate=0)
    second = responses_of("b").assign(candidate=0)
    found = same_questions(first, second)
    assert found[["a", "b"]].to_numpy().tolist() == [["a", "b"], ["only", "only"]]
    with pytest.raises(LensError, match="the two models answered different prompts"):
        same_questions(first, second.iloc[:1])
    gold = pd.DataFrame({"prompt_id": ["y", "x"], "candidate": [0, 0], "gold": [1.0, 2.0]})
    assert gold_by_seed({"m": gold})["m"].tolist() == [[2.0, 1.0]]
    with pytest.raises(LensError, match="n: its answers have other prompts"):
        gold_by_seed({"m": gold, "n": gold.assign(prompt_id=["y", "z"])})
