"""A linear reward model as an ordinary Hugging Face sequence classifier, or as a
sentence-transformers model with a dense head."""

import json
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lens.core.errors import LensError
from lens.files import artifacts
from lens.files.atomic import replacing_folder
from lens.language.encoder import Encoder
from lens.serving.reward_model import PROBE, RewardModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer

MOST_DIFFERENCE = 1e-3  # of a reward, relative to 1 + its size


def export(model: RewardModel, folder: str | Path) -> str:
    """Saves a linear reward in the form that other tools read it in, and says which: "classifier"
    for the last token of a causal model, "sentence-transformers" for any other pooling."""
    encoder = _linear_encoder(model)
    encoder.load()
    if (encoder.pooling, encoder.normalize) == ("last", False):
        export_classifier(model, folder)
        return "classifier"
    export_sentence_transformer(model, folder)
    return "sentence-transformers"


def _linear_encoder(model: RewardModel) -> Encoder:
    """The encoder of a reward that is linear in its embeddings; LensError for any other."""
    if model.encoder is None:
        raise LensError("a reward model of imported embeddings has no encoder to export.")
    if "w1" in model.head.weights:
        raise LensError(
            f"a reward with an MLP ({model.card['recipe']['method']}) is not a linear head. Train "
            "a probe: `lens fit --method evidence_probe`."
        )
    return model.encoder


def _in_float32(model: RewardModel) -> RewardModel:
    """The model with its encoder in float32 on a CPU, where other tools do not round as fast layers
    do: rewards move by what the precision changes."""
    from lens.language.loading import pick_device

    encoder = _linear_encoder(model)
    encoder.load()
    if encoder.dtype == "float32" or pick_device(encoder.device) != "cpu":
        return model
    exact = copy(model)
    exact.encoder = replace(encoder, dtype="float32")
    return exact


def _folded(model: RewardModel) -> np.ndarray:
    """w [d] with w . e = reward for embeddings that are not standardised; the head of a saved
    linear reward has no shift."""
    return model.head.weights["w"] / model.head.standardiser.scale


def export_sentence_transformer(model: RewardModel, folder: str | Path) -> None:
    """Saves the encoder with its pooling and the reward as a dense layer of one output, for
    `SentenceTransformer(folder).encode(texts)`.

    A text is a prompt and its answer with a blank line between them, or, for an encoder with a chat
    template, the template's text without its beginning-of-sequence token. Raises LensError for a
    reward with an MLP or of a layer other than the last.
    """
    from lens.language import loading

    model = _in_float32(model)
    encoder = _linear_encoder(model)
    tokenizer, network = encoder.load()
    if encoder.layer != -1:
        raise LensError(
            f"{encoder.model}: sentence-transformers pools the last layer; this reward model reads "
            f"layer {encoder.layer}. Use lens.RewardModel as it is, or fit with --layer -1."
        )
    tokenizer.truncation_side = "right" if encoder.too_long == "cut_right" else "left"
    tokenizer.init_kwargs["truncation_side"] = tokenizer.truncation_side  # else it is not saved
    longest = loading.context_length(tokenizer, network, encoder.max_length)
    with replacing_folder(folder) as temporary:
        network.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        limits = {"max_seq_length": longest, "do_lower_case": False}
        artifacts.write_json(temporary / "sentence_bert_config.json", limits)
        _write_modules(temporary, encoder, _folded(model).astype(np.float32)[None])


def _write_modules(folder: Path, encoder: Encoder, weights: np.ndarray) -> None:
    """The files by which sentence-transformers finds pooling, normalisation and the dense layer
    with weights [1, d]."""
    kinds = ["Transformer", "Pooling", *["Normalize"] * encoder.normalize, "Dense"]
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds[1:], 1))]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(zip(paths, kinds, strict=True))
    ]
    artifacts.write_json(folder / "modules.json", modules)
    modes = {"first": "cls_token", "mean": "mean_tokens", "last": "lasttoken"}
    pooling = {f"pooling_mode_{name}": key == encoder.pooling for key, name in modes.items()}
    width = {"word_embedding_dimension": weights.shape[1]}
    artifacts.write_json(folder / paths[1] / "config.json", width | pooling)
    dense = {
        "in_features": weights.shape[1],
        "out_features": 1,
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    artifacts.write_json(folder / paths[-1] / "config.json", dense)
    arrays = {"linear.weight": weights, "linear.bias": np.zeros(1, np.float32)}
    artifacts.write_arrays(folder / paths[-1] / "model.safetensors", arrays)


def export_classifier(model: RewardModel, folder: str | Path) -> None:
    """Saves the encoder with the reward as its head, for `AutoModelForSequenceClassification`.

    The standardiser is folded into the head, so the logit is the reward. Raises LensError for
    rewards that such a head cannot express: with an MLP, or of a state other than the last token's
    in the last layer.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    from lens.language import loading

    model = _in_float32(model)
    encoder = _linear_encoder(model)
    tokenizer, _ = encoder.load()
    if (encoder.pooling, encoder.layer, encoder.normalize) != ("last", -1, False):
        raise LensError(
            f"{encoder.model}: a sequence classifier reads the last token's state in the last "
            f"layer; this reward model reads the {encoder.pooling} of layer {encoder.layer}"
            f"{', normalised' if encoder.normalize else ''}. Only causal models can be exported "
            "so; lens.export_sentence_transformer takes the last layer of any."
        )
    _, classifier, _ = loading.read(
        AutoModelForSequenceClassification,
        encoder.model,
        encoder.revision,
        encoder.dtype,
        trust_remote_code=encoder.trust_remote_code,
        tokenizer=tokenizer,
        num_labels=1,
    )
    head = getattr(classifier, "score", None)
    if not isinstance(head, torch.nn.Linear):
        raise LensError(f"{encoder.model}: its classifier has no plain linear head named `score`.")
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(_folded(model))[None])
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
