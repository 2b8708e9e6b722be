"""Linear rewards exported as classifiers that transformers reads."""

import json

import numpy as np
import pytest

import lens as lens_api
from lens.advice.fit import fit
from lens.advice.own_pairs import embed_pairs, read_pairs
from lens.core.errors import LensError
from lens.language.encoder import Encoder
from lens.reward.recipes import Recipe
from tests.helpers.word_pairs import some_rows


def test_a_linear_reward_is_an_ordinary_classifier(model, saved, tmp_path, lens):
    """Through transformers' own pipeline; its tokenizer adds the beginning that a chat has."""
    from transformers import pipeline

    lens("export", saved, "--out", tmp_path / "hf", "--device", "cpu")
    rows = some_rows(12, seed=3)
    prompts, answers = [r["prompt"] for r in rows], [r["chosen"] for r in rows]
    chats = [
        model.encoder.text(json.dumps([{"role": "user", "content": p}]), a)
        for p, a in zip(prompts, answers, strict=True)
    ]
    classify = pipeline("text-classification", model=str(tmp_path / "hf"), device="cpu")
    own = [text.removeprefix("<bos>") for text in chats]
    for options in ({}, {"batch_size": 4}):
        logits = [found["score"] for found in classify(own, **options)]
        np.testing.assert_allclose(logits, model.score(prompts, answers), atol=1e-5)


def test_what_is_no_linear_head_of_the_last_token_is_not_exported(
    data, bert_folder, tmp_path, fail, lens
):
    fit(data, Recipe("original")).save(tmp_path / "mlp")
    assert "an MLP (original) is no linear head" in fail(
        "export", tmp_path / "mlp", "--out", tmp_path / "x"
    )
    encoder = Encoder(str(bert_folder), device="cpu")
    fit(embed_pairs(read_pairs(some_rows()), encoder)).save(tmp_path / "bert")
    assert "Only causal models can be exported" in fail(
        "export", tmp_path / "bert", "--out", tmp_path / "x"
    )
    assert not (tmp_path / "x").exists()


def test_a_template_that_ends_in_the_only_special_token_is_exported_too(
    data, llama_folder, tmp_path
):
    """As Llama-2-chat does it: no padding token, and the end-of-sequence token ends every text."""
    import shutil

    from transformers import AutoTokenizer, pipeline

    folder = tmp_path / "llama"
    shutil.copytree(llama_folder, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    model = fit(embed_pairs(read_pairs(some_rows()), Encoder(str(folder), device="cpu")))
    lens_api.export_classifier(model, tmp_path / "hf")
    text = model.encoder.text('[{"role": "user", "content": "w1"}]', "w2 w3")
    assert text.rstrip().endswith("<eos>")
    classify = pipeline("text-classification", model=str(tmp_path / "hf"), device="cpu")
    [found] = classify([text.removeprefix("<bos>")])
    assert found["score"] == pytest.approx(float(model.score(["w1"], ["w2 w3"])[0]), abs=1e-4)


def test_an_export_that_is_not_the_reward_is_refused(model, monkeypatch, tmp_path):
    monkeypatch.setattr(type(model), "score", lambda self, prompts, responses: np.array([99.0]))
    with pytest.raises(LensError, match="the classifier gives"):
        lens_api.export_classifier(model, tmp_path / "hf")
    assert not (tmp_path / "hf").exists()
