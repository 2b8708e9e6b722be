"""Linear rewards exported as classifiers that transformers reads."""

import json

import numpy as np
import pytest

import lens as lens_api
from lens.advice.fit import fit
from lens.advice.own_pairs import embed_pairs
from lens.advice.preferences import read_pairs
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


def test_a_reward_fitted_in_fast_is_exported_in_float32(llama_folder, tmp_path):
    encoder = Encoder(str(llama_folder), dtype="bfloat16", device="cpu")
    model = fit(embed_pairs(read_pairs(some_rows(30)), encoder), Recipe("linear_probe"))
    lens_api.export_classifier(model, tmp_path / "hf")
    lens_api.export_sentence_transformer(model, tmp_path / "st")
    for name in ("hf", "st"):
        assert '"dtype": "float32"' in (tmp_path / name / "config.json").read_text()


@pytest.mark.slow
def test_an_encoder_in_a_gguf_file_is_exported_too(tmp_path):
    pytest.importorskip("gguf", reason="gguf is not installed (extra gguf)")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Qwen2ForCausalLM

    from tests.helpers import gguf_models

    gguf_models.write(tmp_path / "tiny.gguf", gguf_models.qwen(Qwen2ForCausalLM))
    encoder = Encoder(str(tmp_path / "tiny.gguf"), text_style="plain", device="cpu")
    model = fit(embed_pairs(read_pairs(some_rows(30)), encoder), Recipe("linear_probe"))
    lens_api.export_classifier(model, tmp_path / "hf")
    classifier = AutoModelForSequenceClassification.from_pretrained(tmp_path / "hf")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    logit = classifier(**tokenizer("w1 w2\n\nw3", return_tensors="pt")).logits.item()
    assert logit == pytest.approx(model.score(["w1 w2"], ["w3"])[0], abs=1e-4)


def test_what_is_no_linear_head_of_the_last_token_is_not_exported(
    data, bert_folder, tmp_path, fail, lens
):
    fit(data, Recipe("original")).save(tmp_path / "mlp")
    assert "an MLP (original) is not a linear head" in fail(
        "export", tmp_path / "mlp", "--out", tmp_path / "x"
    )
    encoder = Encoder(str(bert_folder), device="cpu")
    bert = fit(embed_pairs(read_pairs(some_rows()), encoder))
    with pytest.raises(LensError, match="Only causal models can be exported so"):
        lens_api.export_classifier(bert, tmp_path / "x")
    first = Encoder(str(bert_folder), device="cpu", layer=1)
    fit(embed_pairs(read_pairs(some_rows()), first)).save(tmp_path / "first")
    assert "this reward model reads layer 1" in fail(
        "export", tmp_path / "first", "--out", tmp_path / "x"
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "settings"),
    [
        ("bert_folder", {}),
        ("bert_folder", {"pooling": "first", "normalize": True}),
        ("bert_folder", {"pooling": "mean", "normalize": True, "max_length": 7}),
        ("bert_folder", {"max_length": 7, "too_long": "cut_right"}),
        ("llama_folder", {"pooling": "last", "normalize": True, "text_style": "plain"}),
    ],
)
def test_a_linear_reward_is_a_sentence_transformer(folder, settings, request, tmp_path, lens):
    library = pytest.importorskip(
        "sentence_transformers", reason="sentence-transformers is not installed"
    )
    encoder = Encoder(str(request.getfixturevalue(folder)), device="cpu", **settings)
    model = fit(embed_pairs(read_pairs(some_rows()), encoder))
    model.save(tmp_path / "model")
    lens("export", tmp_path / "model", "--out", tmp_path / "out", "--device", "cpu")
    rows = some_rows(30, seed=3)
    prompts, answers = [r["prompt"] for r in rows], [r["chosen"] for r in rows]
    loaded = library.SentenceTransformer(str(tmp_path / "out"), device="cpu")
    texts = [f"{prompt}\n\n{answer}" for prompt, answer in zip(prompts, answers, strict=True)]
    found, rewards = loaded.encode(texts)[:, 0], model.score(prompts, answers)
    np.testing.assert_allclose(found, rewards, rtol=1e-6, atol=1e-5)
    assert rewards.std() > 1e-4


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
