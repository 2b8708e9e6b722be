"""Judged pairs: which answer stood where, what a verdict counts, and a judge's probabilities."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lens.core.errors import LensError
from lens.language.packed.head import head_can_pack
from lens.textspace import judging

TEMPLATE = "{prompt} | {first} | {second}"
MARKS = {"first": "[[A]]", "second": "[[B]]", "tie": "[[C]]", "unparsable": "hm", "failed": None}


def message(*contents):
    roles = ["user", "assistant"] * len(contents)
    return json.dumps(
        [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]
    )


def judge(rule, count=1):
    """`judge_pairs` of "good <i>" (a) and "bad <i>" (b); rule(first, second) names a verdict."""

    def ask(texts):
        return [MARKS[rule(*text.split(" | ")[1:])] for text in texts]

    good, bad = ([f"{word} {i}" for i in range(count)] for word in ("good", "bad"))
    return judging.judge_pairs(ask, TEMPLATE, [message("q")] * count, good, bad)


def scripted(*pairs):
    """`judge_pairs` whose verdicts are given, (a first, b first) for each pair."""
    a_first, b_first = zip(*pairs, strict=True)
    calls = []

    def ask(texts):
        calls.append(texts)
        return [MARKS[verdict] for verdict in (*a_first, *b_first)]

    empty = [""] * len(pairs)
    judged = judging.judge_pairs(ask, TEMPLATE, [message("q")] * len(pairs), empty, empty)
    assert len(calls) == 1
    return judged


def test_the_packaged_prompt_has_every_place_once():
    template = judging.read_template(None)
    assert sorted(judging.PLACEHOLDERS.findall(template)) == ["first", "prompt", "second"]
    assert template.index("{first}") < template.index("{second}")
    assert template.index("[[A]] if the first") < template.index("[[B]] if the second")


def test_a_prompt_without_a_place_is_refused(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("{prompt} {first} {first}")
    with pytest.raises(LensError, match=r"mine.txt: no \{second\}"):
        judging.read_template(path)
    path.write_text(TEMPLATE)
    assert judging.read_template(path) == TEMPLATE


def test_what_is_filled_in_is_not_filled_again():
    text = judging.fill(TEMPLATE, message("{first}"), "{second}{prompt}", r"{first} \1 {other}")
    assert text == r"{first} | {second}{prompt} | {first} \1 {other}"


def test_one_turn_stands_alone_and_several_get_speakers():
    assert judging.fill(TEMPLATE, message("q"), "x", "y") == "q | x | y"
    several = judging.fill(TEMPLATE, message("q", "r", "s"), "x", "y")
    assert several == "Human: q\n\nAssistant: r\n\nHuman: s\n\nAssistant: | x | y"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("[[A]]", "first"),
        ("so: [[B]].", "second"),
        ("[[C]]\n", "tie"),
        ("[[A]] at first sight, but [[C]], no, [[B]]", "second"),
        ("[[B]], no: [[A]]", "first"),
        ("[A] [[D]] [[a]] [[AB]]", "unparsable"),
        ("", "unparsable"),
        (None, "failed"),
    ],
)
def test_the_last_mark_counts(answer, verdict):
    assert judging.parse(answer) == verdict


def test_texts_come_in_both_orders_pair_by_pair():
    texts = judging.both_orders(TEMPLATE, [message("p"), message("q")], ["a", "c"], ["b", "d"])
    assert texts == ["p | a | b", "q | c | d", "p | b | a", "q | d | c"]


def test_the_better_answer_wins_wherever_it_stands():
    judged = judge(lambda first, second: "first" if "good" in first else "second", 3)
    assert list(judged.columns) == ["a_first", "b_first", "preferred"]
    assert set(judged["a_first"]) == {"first"}
    assert set(judged["b_first"]) == {"second"}
    assert list(judged["preferred"]) == ["a"] * 3
    judged = judge(lambda first, second: "second" if "good" in first else "first", 3)
    assert list(judged["preferred"]) == ["b"] * 3


def test_each_pair_keeps_its_own_two_verdicts():
    """Pair 1 of three is a tie in both orders, the others are a's."""
    judged = judge(
        lambda first, second: "tie" if "1" in first else "first" if "good" in first else "second", 3
    )
    assert list(judged["preferred"]) == ["a", "tie", "a"]


@pytest.mark.parametrize(
    ("a_first", "b_first", "preferred"),
    [
        ("first", "second", "a"),
        ("first", "tie", "a"),
        ("tie", "second", "a"),
        ("second", "first", "b"),
        ("second", "tie", "b"),
        ("tie", "first", "b"),
        ("first", "first", "tie"),
        ("second", "second", "tie"),
        ("tie", "tie", "tie"),
        ("first", "unparsable", "none"),
        ("unparsable", "first", "none"),
        ("failed", "second", "none"),
        ("tie", "failed", "none"),
        ("failed", "failed", "none"),
    ],
)
def test_the_sum_of_both_orders_decides(a_first, b_first, preferred):
    judged = scripted((a_first, b_first))
    assert judged.iloc[0].to_dict() == {
        "a_first": a_first,
        "b_first": b_first,
        "preferred": preferred,
    }


def test_a_judge_that_always_says_first_is_all_bias():
    about = judging.describe(judge(lambda first, second: "first", 4))
    assert about["preferred"] == {"a": 0, "b": 0, "tie": 4, "none": 0}
    assert (about["position_bias"], about["favours_first"], about["favours_second"]) == (1, 1, 0)
    assert about["consistent"] == 0


def test_describe_counts_and_splits_the_bias():
    judged = scripted(
        ("first", "first"),
        ("second", "second"),
        ("second", "second"),
        ("first", "second"),
        ("second", "first"),
        ("tie", "first"),
        ("first", "failed"),
        ("unparsable", "second"),
    )
    assert judging.describe(judged) == {
        "preferred": {"a": 1, "b": 2, "tie": 3, "none": 2},
        "a_first": {"first": 3, "second": 3, "tie": 1, "unparsable": 1, "failed": 0},
        "b_first": {"first": 3, "second": 4, "tie": 0, "unparsable": 0, "failed": 1},
        "clear_pairs": 5,
        "position_bias": 3 / 5,
        "favours_first": 1 / 5,
        "favours_second": 2 / 5,
        "consistent": 2 / 5,
        "flags": [{"flag": "position_decides", "detail": "3 of 5 pairs"}],
    }


@pytest.mark.parametrize("pairs", [[], [("tie", "first"), ("failed", "failed")]])
def test_without_clear_pairs_shares_are_none(pairs):
    if pairs:
        judged = scripted(*pairs)
    else:
        judged = judging.judge_pairs(lambda texts: [], TEMPLATE, [], [], [])
    about = judging.describe(judged)
    assert about["clear_pairs"] == 0
    assert about["flags"] == []
    for share in ("position_bias", "favours_first", "favours_second", "consistent"):
        assert about[share] is None
    json.dumps(about, allow_nan=False)


@pytest.fixture(scope="module")
def llama(llama_folder):
    model = AutoModelForCausalLM.from_pretrained(llama_folder, dtype="float32").eval()
    return model, AutoTokenizer.from_pretrained(llama_folder)


def first_share(model, ids, one, two):
    """By the softmax over all words, one text at a time without padding."""
    with torch.inference_mode():
        probabilities = model(input_ids=torch.tensor([ids])).logits[0, -1].double().softmax(-1)
    return (probabilities[one] / (probabilities[one] + probabilities[two])).item()


def doubled(model, given, output):
    output.logits *= 2
    return output


@pytest.mark.parametrize("shares", [True, False])
def test_probabilities_are_the_softmax_whatever_the_batch(llama, request, shares):
    """Also of a model whose output is more than its head, and is read text by text therefore."""
    model, tokenizer = llama
    if not shares:
        request.addfinalizer(model.register_forward_hook(doubled).remove)
    assert head_can_pack(model, model.get_output_embeddings()) == shares
    rng = np.random.default_rng(0)
    rows = [[1, *rng.integers(6, 40, rng.integers(1, 40)).tolist()] for _ in range(19)]
    rows += [[*rows[0], *range(6, 36), *row[1:]] for row in rows[:5]] + rows[:2]
    one, two = tokenizer.convert_tokens_to_ids(["w3", "w5"])
    expected = [first_share(model, row, one, two) for row in rows]
    assert np.ptp(expected) > 0.5
    for batch_tokens in (1, 70, 10_000):
        got = judging.probability_verdicts(
            model, tokenizer, rows, ("w3", "w5"), batch_tokens=batch_tokens
        )
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, atol=1e-5)
    swapped = judging.probability_verdicts(model, tokenizer, rows, ("w5", "w3"), batch_tokens=70)
    np.testing.assert_allclose(swapped, 1 - got, atol=1e-5)


@pytest.mark.parametrize("label", ["w3 w4", "unheard", ""])
def test_a_label_is_one_token(llama, label):
    for labels in (("w1", label), (label, "w1")):
        with pytest.raises(LensError, match=f"label '{label}'"):
            judging.probability_verdicts(*llama, [[1, 7]], labels, batch_tokens=64)
    with pytest.raises(LensError, match="the same token"):
        judging.probability_verdicts(*llama, [[1, 7]], ("w1", "w1"), batch_tokens=64)


@pytest.mark.parametrize("style", ["chat", "plain"])
def test_both_orders_are_averaged(llama, style):
    model, tokenizer = llama
    one, two = tokenizer.convert_tokens_to_ids(["w3", "w5"])
    prompts = [message(f"w{i}") for i in range(6)]
    answers_a, answers_b = ([f"w{n * i % 40} w{n}" for i in range(6)] for n in (11, 17))
    judged = judging.judge_by_probability(
        model,
        tokenizer,
        "w9 {prompt} w8 {first} w7 {second}",
        prompts,
        answers_a,
        answers_b,
        labels=("w3", "w5"),
        opening="w2",
        style=style,
        limit=64,
        batch_tokens=64,
    )
    assert list(judged.columns) == ["a_first", "b_first", "preferred", "p_a"]
    frame = "<bos>{} w2" if style == "plain" else "<bos><user> {} <eos><assistant> w2"
    for row, (a, b) in enumerate(zip(answers_a, answers_b, strict=True)):
        p_first = [
            first_share(
                model,
                tokenizer(
                    frame.format(f"w9 w{row} w8 {first} w7 {second}"), add_special_tokens=False
                )["input_ids"],
                one,
                two,
            )
            for first, second in ((a, b), (b, a))
        ]
        expected = (p_first[0] + 1 - p_first[1]) / 2
        assert judged["p_a"][row] == pytest.approx(expected, abs=1e-5)
        assert judged["preferred"][row] == ("a" if expected > 0.5 else "b")
        assert judged["a_first"][row] == ("first" if p_first[0] > 0.5 else "second")
        assert judged["b_first"][row] == ("first" if p_first[1] > 0.5 else "second")
    assert set(judged["preferred"]) == {"a", "b"}


def test_a_pair_of_the_same_answers_is_a_tie(llama):
    options = {"labels": ("w3", "w5"), "style": "chat", "batch_tokens": 64, "opening": "w1"}
    pair = ([message("w1")], ["w2 w3"], ["w2 w3"])
    judged = judging.judge_by_probability(*llama, TEMPLATE, *pair, limit=64, **options)
    assert list(judged["preferred"]) == ["tie"]
    assert list(judged["p_a"]) == [0.5]


def test_what_is_too_long_fails_and_the_rest_is_judged(llama):
    answers = ["w1"] * 2, ["w2", "w2 " * 60]
    judged = judging.judge_by_probability(
        *llama,
        TEMPLATE,
        [message("w1")] * 2,
        *answers,
        labels=("w3", "w5"),
        style="plain",
        limit=64,
        batch_tokens=64,
    )
    assert judged["preferred"][0] in ("a", "b")
    assert list(judged.loc[1, ["a_first", "b_first", "preferred"]]) == ["failed", "failed", "none"]
    assert judged["p_a"].isna().tolist() == [False, True]
    assert judging.describe(judged)["a_first"]["failed"] == 1
