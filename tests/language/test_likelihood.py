"""The mean log probability of a response, by hand."""

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language import loading
from lens.language.likelihood import mean_log_likelihood

TEXTS = [[1, 7, 8, 9, 2], [1, 7, 8, 2], [1, 10, 11, 12, 13, 14, 2]]
PROMPTS = [[1, 7], [1, 7], [1, 10, 11]]


@pytest.fixture(scope="module")
def model(llama_folder):
    from transformers import AutoModelForCausalLM

    return loading.load(
        AutoModelForCausalLM, str(llama_folder), revision=None, dtype="float32", device="cpu"
    )[1]


def by_hand(model, prompt, text):
    with torch.no_grad():
        logs = model(input_ids=torch.tensor([text])).logits[0].double().log_softmax(-1)
    places = range(len(prompt), len(text))
    return np.mean([logs[place - 1, text[place]].item() for place in places])


@pytest.mark.parametrize("batch_tokens", [1, 12, 8192])
def test_mean_over_the_tokens_after_the_prompt_whatever_the_batch(model, batch_tokens):
    found = mean_log_likelihood(model, TEXTS, list(map(len, PROMPTS)), batch_tokens=batch_tokens)
    expected = [by_hand(model, *both) for both in zip(PROMPTS, TEXTS, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (found < 0).all()


def test_what_cannot_be_scored_is_nan_and_the_rest_is_scored(model):
    found = mean_log_likelihood(model, [[1, 9], [1, 7], [1, 9]], [1, 2, 0], batch_tokens=64)
    assert np.isnan(found).tolist() == [False, True, True]


def test_a_model_that_gives_no_number_is_not_taken_for_an_empty_answer(llama_folder):
    from transformers import AutoModelForCausalLM

    broken = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    with torch.no_grad():
        broken.lm_head.weight[7] = torch.nan
    with pytest.raises(LensError, match="the likelihood of text 2 is not finite"):
        mean_log_likelihood(broken, [[1, 7], [1, 9]], [2, 1], batch_tokens=64)
