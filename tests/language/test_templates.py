"""From prompts and answers to text and tokens."""

import json

import pytest
from transformers import AutoTokenizer

from lens.core.errors import LensError
from lens.language.templates import render, tokenize

ONE = json.dumps([{"role": "user", "content": "w1 w2"}])
THREE = json.dumps(
    [
        {"role": "user", "content": "w1"},
        {"role": "assistant", "content": "w2"},
        {"role": "user", "content": "w3"},
    ]
)


@pytest.fixture
def tokenizer(llama_folder):
    return AutoTokenizer.from_pretrained(llama_folder)


def test_plain_text(tokenizer):
    assert render(ONE, "w3", "plain", tokenizer) == "w1 w2\n\nw3"
    assert render(THREE, "w4", "plain", tokenizer) == (
        "Human: w1\n\nAssistant: w2\n\nHuman: w3\n\nAssistant: w4"
    )
    assert render(THREE, None, "plain", tokenizer).endswith("Human: w3\n\nAssistant:")


def test_chat_text_has_one_beginning_and_ends_with_the_turn(tokenizer):
    text = render(ONE, "w3", "chat", tokenizer)
    (ids,), shortened = tokenize([text], ["a"], tokenizer, style="chat", limit=64, too_long="error")
    assert shortened == 0
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    (plain,), _ = tokenize(["w1"], ["a"], tokenizer, style="plain", limit=64, too_long="error")
    assert plain[0] == tokenizer.bos_token_id


def test_chat_prompt_asks_for_the_answer(tokenizer):
    assert render(ONE, None, "chat", tokenizer).endswith("<assistant> ")


def test_no_chat_template_is_named(bert_folder):
    with pytest.raises(LensError, match="text_style: plain"):
        render(ONE, "w3", "chat", AutoTokenizer.from_pretrained(bert_folder))


def test_a_template_cannot_read_the_clock(tokenizer):
    tokenizer.chat_template = (
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d') %}{% endif %}"
        "{{ date_string }}"
    )
    assert render(ONE, "w3", "chat", tokenizer) == "26 Jul 2024"


def test_too_long_texts(tokenizer):
    texts = ["w1 w2 w3 w4 w5", "w1"]
    options = {"style": "chat", "limit": 3}
    with pytest.raises(LensError, match=r"row 7: 5 tokens, but the model reads 3.*cut_left"):
        tokenize(texts, ["row 7", "row 8"], tokenizer, too_long="error", **options)
    whole = tokenizer("w1 w2 w3 w4 w5", add_special_tokens=False)["input_ids"]
    left, shortened = tokenize(texts, ["a", "b"], tokenizer, too_long="cut_left", **options)
    assert (left[0], shortened) == (whole[2:], 1)
    assert left[1] == whole[:1]
    right, _ = tokenize(texts, ["a", "b"], tokenizer, too_long="cut_right", **options)
    assert right[0] == whole[:3]


@pytest.mark.parametrize("style", ["chat", "plain"])
def test_a_text_cut_on_the_left_keeps_its_beginning_and_its_end(tokenizer, style):
    text = render(ONE, "w3 w4 w5", style, tokenizer)
    options = {"style": style, "too_long": "error", "limit": 64}
    (whole,), _ = tokenize([text], ["a"], tokenizer, **options)
    (cut,), shortened = tokenize(
        [text], ["a"], tokenizer, **{**options, "too_long": "cut_left", "limit": 4}
    )
    assert shortened == 1
    assert cut == [tokenizer.bos_token_id, *whole[-3:]]
