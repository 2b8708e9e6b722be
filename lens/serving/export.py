"""A linear reward model as an ordinary Hugging Face sequence classifier."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lens.core.errors import LensError
from lens.files.atomic import replacing_folder
from lens.language.encoder import Encoder
from lens.serving.reward_model import PROBE, RewardModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

MOST_DIFFERENCE = 1e-3  # of a reward, relative to 1 + its size


def export_classifier(model: RewardModel, folder: str | Path) -> None:
    """Saves the encoder with the reward as its head, for `AutoModelForSequenceClassification`.

    The standardiser is folded into the head, so logit and reward are the same. Raises LensError for
    rewards that no such head can express: with an MLP, or of a state other than that of the last
    token in the last layer.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    from lens.language import loading

    encoder = model.encoder
    if encoder is None:
        raise LensError("a reward model of imported embeddings has no encoder to export.")
    if "w1" in model.head.weights:
        raise LensError(
            f"a reward with an MLP ({model.card['recipe']['method']}) is no linear head. Train a "
            "probe: `lens fit --method evidence_probe`."
        )
    tokenizer, _ = encoder.load()
    if (encoder.pooling, encoder.layer, encoder.normalize) != ("last", -1, False):
        raise LensError(
            f"{encoder.model}: a sequence classifier reads the last token's state in the last "
            f"layer; this reward model reads the {encoder.pooling} of layer {encoder.layer}"
            f"{', normalised' if encoder.normalize else ''}. Only causal models can be exported: "
            "fit with one, or use lens.RewardModel as it is."
        )
    classifier = AutoModelForSequenceClassification.from_pretrained(
        encoder.model,
        revision=encoder.revision,
        dtype=getattr(torch, encoder.dtype),
        num_labels=1,
        trust_remote_code=encoder.trust_remote_code,
        use_safetensors=True,
    )
    head = getattr(classifier, "score", None)
    if not isinstance(head, torch.nn.Linear):
        raise LensError(f"{encoder.model}: its classifier has no plain linear head named `score`.")
    weights = model.head.weights["w"] / model.head.standardiser.scale
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weights)[None])
        if head.bias is not None:
            head.bias.zero_()
    _set_padding(encoder, tokenizer)
    classifier.config.pad_token_id = tokenizer.pad_token_id
    classifier.config.problem_type = "regression"  # a pipeline then gives logits, not sigmoids
    _check(model, encoder, classifier.to(loading.pick_device(encoder.device)).eval())
    with replacing_folder(folder) as temporary:
        classifier.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _token_ids(encoder: Encoder) -> list[list[int]]:
    """Those of a test text."""
    prompt = json.dumps([{"role": "user", "content": PROBE[0]}])
    return encoder.token_ids([prompt], [PROBE[1]], ["the test text"])[0]


def _set_padding(encoder: Encoder, tokenizer: "Tokenizer") -> None:
    """Gives the tokenizer a padding token other than the one that ends every text: a classifier
    reads the last token that is not padding. LensError where there is none."""
    last = _token_ids(encoder)[0][-1]
    for name in ("pad_token", "unk_token", "bos_token", "eos_token"):
        token = getattr(tokenizer, name)
        if token is not None and tokenizer.convert_tokens_to_ids(token) != last:
            tokenizer.pad_token = token
            return
    raise LensError(
        f"{encoder.model}: its tokenizer has no token to pad with besides the one that ends "
        "every text. Add one to the tokenizer and fit again."
    )


def _check(model: RewardModel, encoder: Encoder, classifier: "Model") -> None:
    """LensError unless logit and reward of a test text agree."""
    import torch

    ids = _token_ids(encoder)
    with torch.inference_mode():
        tokens = torch.tensor(ids, device=classifier.device)
        logit = classifier(input_ids=tokens).logits[0, 0].float().item()
    reward = float(model.score(PROBE[:1], PROBE[1:])[0])
    if not np.abs(logit - reward) <= MOST_DIFFERENCE * (1 + abs(reward)):
        raise LensError(
            f"{encoder.model}: the classifier gives {logit:.5g} for a test text, the reward "
            f"model {reward:.5g}."
            + (" Fit with --precision high." if encoder.dtype != "float32" else "")
        )
