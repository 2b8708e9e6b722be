"""Sampling candidates: the right distribution, and independence of the batch."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lens.language.generation import generate

PROMPTS = [[1, 4, 10, 2, 5], [1, 4, 11, 12, 13, 2, 5], [1, 4, 20, 21, 2, 5]]
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def model_and_tokenizer(llama_folder):
    model = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    return model, AutoTokenizer.from_pretrained(llama_folder)


def sample(model_and_tokenizer, prompts=PROMPTS, names=NAMES, **changes):
    options = {
        "candidates": 4,
        "seed": 0,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 8,
        "batch_size": 64,
    }
    return generate(*model_and_tokenizer, prompts, names, **{**options, **changes})


def test_answers_do_not_depend_on_the_batch(model_and_tokenizer):
    whole = sample(model_and_tokenizer)
    assert sample(model_and_tokenizer, batch_size=1) == whole
    assert sample(model_and_tokenizer, batch_size=5) == whole
    assert sample(model_and_tokenizer, PROMPTS[::-1], NAMES[::-1]) == whole[::-1]
    assert sample(model_and_tokenizer, PROMPTS[1:2], NAMES[1:2]) == whole[1:2]


def test_answers_follow_the_seed_and_differ_among_themselves(model_and_tokenizer):
    whole = sample(model_and_tokenizer)
    assert sample(model_and_tokenizer) == whole
    assert sample(model_and_tokenizer, seed=1) != whole
    assert all(len(set(answers)) > 1 for answers in whole)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_token_is_drawn_from_the_softmax(model_and_tokenizer, temperature):
    model, tokenizer = model_and_tokenizer
    count = 4000
    (answers,) = sample(
        model_and_tokenizer,
        PROMPTS[:1],
        NAMES[:1],
        candidates=count,
        max_new_tokens=1,
        temperature=temperature,
        batch_size=1000,
    )
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor(PROMPTS[:1])).logits[0, -1]
    expected = (logits / temperature).softmax(dim=0)
    words = tokenizer.convert_ids_to_tokens(range(len(expected)))
    for word, probability in zip(words, expected.tolist(), strict=True):
        if not word.startswith("<") and probability > 0.02:
            assert answers.count(word) / count == pytest.approx(probability, abs=0.035)


def test_a_small_nucleus_is_greedy(model_and_tokenizer):
    for answers in sample(model_and_tokenizer, top_p=1e-6):
        assert len(set(answers)) == 1


def test_no_answer_is_longer_than_asked(model_and_tokenizer):
    answers = sample(model_and_tokenizer, max_new_tokens=3)
    assert max(len(text.split()) for row in answers for text in row) <= 3
    assert not any("<" in text for row in answers for text in row)


def test_a_model_s_own_sampling_defaults_do_not_creep_in(model_and_tokenizer):
    """Llama and Qwen ship temperature, top-p and repetition penalty in generation_config.json."""
    from copy import deepcopy

    model, tokenizer = model_and_tokenizer
    opinionated = deepcopy(model)
    opinionated.generation_config.update(
        do_sample=True, temperature=0.1, top_k=1, top_p=0.1, repetition_penalty=5.0
    )
    assert sample((opinionated, tokenizer)) == sample(model_and_tokenizer)
