"""Gold scores: the classifier's own logit, whatever the batch and the padding token."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from lens.core.errors import LensError
from lens.language.gold import score, unused_id


def token_rows(count=17, seed=0):
    rng = np.random.default_rng(seed)
    return [[1, *rng.integers(0, 40, rng.integers(1, 30)), 2] for _ in range(count)]


@pytest.mark.parametrize("pad_token_id", [0, 2, None])
def test_scores_equal_one_text_at_a_time(gold_folder, pad_token_id):
    """Also when the padding token is the end token that every text ends with."""
    model = AutoModelForSequenceClassification.from_pretrained(gold_folder).eval()
    rows, expected = token_rows(), []
    model.config.pad_token_id = None  # a single row without padding reads its last token
    for row in rows:
        with torch.inference_mode():
            expected.append(model(input_ids=torch.tensor([row])).logits.item())
    model.config.pad_token_id = pad_token_id
    for batch_tokens in (1, 90):
        got = score(model, rows, batch_tokens=batch_tokens)
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_classifier_with_two_labels_is_no_reward_model(gold_folder):
    model = AutoModelForSequenceClassification.from_pretrained(
        gold_folder, num_labels=2, ignore_mismatched_sizes=True
    )
    with pytest.raises(LensError, match="has 2 labels"):
        score(model, token_rows(), batch_tokens=100)


@pytest.mark.parametrize(("names", "called"), [(None, "text 4"), ("abcdef", "d")])
def test_a_score_that_is_not_finite_is_named(gold_folder, names, called):
    model = AutoModelForSequenceClassification.from_pretrained(gold_folder).eval()
    with torch.no_grad():
        model.model.embed_tokens.weight[39] = torch.inf
    rows = [[1, 7 + i, 2] for i in range(6)]
    rows[3][1] = 39
    with pytest.raises(LensError, match=f"the score of {called} is not finite"):
        score(model, rows, batch_tokens=100, names=names)


def test_unused_id():
    assert unused_id([[1, 2], [3]]) == 0
    assert unused_id([[0, 1], [3, 2]]) == 4
