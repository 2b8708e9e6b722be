"""sentence-transformers models are read as the library reads them, by our engine or by it."""

import json
import logging
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language.encoder import Encoder
from lens.language.readers.sentence import read_sentence

pytestmark = pytest.mark.skipif(
    not find_spec("sentence_transformers"), reason="sentence-transformers is not installed"
)
PROMPTS = ["w1 w2 w3", "w1 W2", "w9"]
ANSWERS = ["w4 w5 w6 w7", "w8", "w9 w10 w11 w12 w13"]


def messages(prompts):
    return [json.dumps([{"role": "user", "content": prompt}]) for prompt in prompts]


def agrees(folder, *, prompt_name=None, **settings):
    """The encoder, after its embeddings have been compared with the library's."""
    from sentence_transformers import SentenceTransformer

    encoder = Encoder(str(folder), device="cpu", prompt_name=prompt_name, **settings)
    got = encoder.embed(messages(PROMPTS), ANSWERS)
    asked = {"prompt": ""} if prompt_name == "" else {"prompt_name": prompt_name}
    texts = [f"{prompt}\n\n{answer}" for prompt, answer in zip(PROMPTS, ANSWERS, strict=True)]
    want = SentenceTransformer(str(folder), device="cpu").encode(texts, **asked)
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert encoder.text_style == "plain"
    return encoder


def build(base, target, *modules, text_only=True, **about):
    """A folder that the library saved; `text_only` as older ones are, without chat templates."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    torch.manual_seed(0)
    model = SentenceTransformer(modules=[Transformer(str(base)), *modules], device="cpu", **about)
    model.save(str(target))
    if text_only:
        (target / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 40}))
    return target


def pooling(mode, **more):
    from sentence_transformers.sentence_transformer.modules import Pooling

    return Pooling(16, mode, **more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "ours"),
    [
        ("mean", True),
        ("cls", True),
        ("lasttoken", True),
        ("max", False),
        ("weightedmean", False),
        (("mean", "max"), False),
    ],
)
def test_each_pooling_is_the_librarys(bert_folder, tmp_path, mode, ours):
    encoder = agrees(build(bert_folder, tmp_path / "st", pooling(mode)))
    assert bool(encoder._reader().outside) is not ours


@pytest.mark.slow
@pytest.mark.parametrize("text_only", [True, False], ids=["plain", "with a chat template"])
def test_a_causal_model_with_a_chat_template(llama_folder, tmp_path, text_only):
    """Saved by a library that did not know chat templates, it reads plain text; saved by one that
    does, the template is put round the text."""
    from sentence_transformers.sentence_transformer.modules import Normalize

    folder = build(
        llama_folder, tmp_path / "st", pooling("lasttoken"), Normalize(), text_only=text_only
    )
    encoder = agrees(folder)
    assert bool(encoder._reader().outside) is not text_only


@pytest.mark.slow
def test_dense_and_static_models(bert_folder, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, StaticEmbedding
    from transformers import AutoTokenizer

    folder = build(bert_folder, tmp_path / "dense", pooling("mean"), Dense(16, 4), Normalize())
    high = agrees(folder).embed(messages(PROMPTS), ANSWERS)
    assert high.shape == (len(PROMPTS), 4)
    fast = Encoder(str(folder), dtype="bfloat16", device="cpu")
    assert 0 < np.abs(fast.embed(messages(PROMPTS), ANSWERS) - high).max() < 0.02
    assert next(fast._reader().outside.library.parameters()).dtype == torch.float32
    words = AutoTokenizer.from_pretrained(bert_folder).backend_tokenizer
    static = SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=8)], device="cpu")
    static.save(str(tmp_path / "static"))
    assert agrees(tmp_path / "static").embed(messages(["w1"]), ["w2"]).shape == (1, 8)


@pytest.mark.slow
def test_prompts_and_lower_case(bert_folder, tmp_path):
    about = {"prompts": {"query": "w20 w21 ", "none": ""}, "default_prompt_name": "query"}
    folder = build(bert_folder, tmp_path / "st", pooling("mean"), **about)
    cased = agrees(folder).embed(messages(PROMPTS), ANSWERS)
    settings = {"max_seq_length": 40, "do_lower_case": True}
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    lower = agrees(folder).embed(messages(PROMPTS), ANSWERS)
    assert (np.abs(cased - lower).max(axis=1) > 1e-3).tolist() == [False, True, False]
    without = agrees(folder, prompt_name="").embed(messages(PROMPTS), ANSWERS)
    assert np.abs(without - lower).max() > 1e-3
    np.testing.assert_array_equal(
        agrees(folder, prompt_name="none").embed(messages(PROMPTS), ANSWERS), without
    )
    with pytest.raises(LensError, match=r"no prompt 'q' \(it has: .*'none', 'query'\)"):
        Encoder(str(folder), device="cpu", prompt_name="q").embed(messages(["w1"]), ["w2"])
    with pytest.raises(LensError, match="names a prompt of a sentence-transformers model"):
        Encoder(str(bert_folder), device="cpu", prompt_name="q").embed(messages(["w1"]), ["w2"])


@pytest.mark.slow
def test_a_prompt_that_is_not_pooled(bert_folder, tmp_path):
    about = {"prompts": {"query": "w20 w21 "}, "default_prompt_name": "query"}
    folder = build(bert_folder, tmp_path / "st", pooling("mean", include_prompt=False), **about)
    assert agrees(folder)._reader().outside
    assert not agrees(folder, prompt_name="")._reader().outside


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mean", "max"], ids=["by our engine", "by the library"])
def test_long_texts_are_cut_where_asked(bert_folder, tmp_path, mode):
    """On the right as the library does; on the left behind the prompt, so that the answer stays."""
    from sentence_transformers import SentenceTransformer

    about = {"prompts": {"query": "w20 w21 "}, "default_prompt_name": "query"}
    folder = build(bert_folder, tmp_path / "st", pooling(mode), **about)
    prompt, answer = messages([" ".join(f"w{i % 40}" for i in range(60))]), ["w7 w8"]
    theirs = SentenceTransformer(str(folder), device="cpu")
    theirs.max_seq_length = 10
    right = Encoder(str(folder), device="cpu", max_length=10, too_long="cut_right")
    text = json.loads(prompt[0])[0]["content"] + "\n\nw7 w8"
    np.testing.assert_allclose(right.embed(prompt, answer), theirs.encode([text]), atol=1e-5)
    left = Encoder(str(folder), device="cpu", max_length=10)
    kept = " ".join(text.split()[-7:])  # beside the beginning and the prompt
    np.testing.assert_allclose(left.embed(prompt, answer), theirs.encode([kept]), atol=1e-5)
    assert (right.cut, left.cut) == (1, 1)
    with pytest.raises(LensError, match="tokens, but the model reads 10"):
        Encoder(str(folder), device="cpu", max_length=10, too_long="error").embed(prompt, answer)


@pytest.mark.slow
def test_parts_in_folders(bert_folder, tmp_path):
    """As the library saved them before it put the transformer at the top."""
    folder = build(bert_folder, tmp_path / "st", pooling("mean"))
    (folder / "0_BERT").mkdir()
    for file in [file for file in folder.iterdir() if file.is_file()]:
        if file.name not in ("modules.json", "config_sentence_transformers.json"):
            shutil.move(file, folder / "0_BERT" / file.name)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "0_BERT"
    (folder / "modules.json").write_text(json.dumps(modules))
    agrees(folder)


@pytest.mark.slow
def test_a_saved_encoder_reads_as_before(bert_folder, tmp_path):
    """With its prompt and the library's modules, though pooling is no longer "auto"."""
    from sentence_transformers.sentence_transformer.modules import Dense

    about = {"prompts": {"query": "w20 w21 "}, "default_prompt_name": "query"}
    for name, more in (("plain", []), ("dense", [Dense(16, 4)])):
        folder = build(bert_folder, tmp_path / name, pooling("mean"), *more, **about)
        encoder = Encoder(str(folder), device="cpu")
        before = encoder.embed(messages(PROMPTS), ANSWERS)
        again = Encoder.from_saved(
            json.loads(json.dumps(encoder.as_dict())),
            device="cpu",
            batch_tokens=64,
            trust_remote_code=False,
        )
        np.testing.assert_allclose(again.embed(messages(PROMPTS), ANSWERS), before, atol=1e-5)


@pytest.mark.slow
def test_pooling_leaves_the_modules_out_and_chat_pools_the_end_token(llama_folder, tmp_path):
    from lens.language.folders.ends import add_ends

    folder = build(llama_folder, tmp_path / "st", pooling("lasttoken"))
    bare = Encoder(str(folder), device="cpu", pooling="mean")
    bare.embed(messages(["w1"]), ["w2"])
    assert (bare.sentence, bare.text_style) == (False, "chat")
    tokenizer = bare.load()[0]
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + ' <user>\n' }}{% endfor %}"
    add_ends(tokenizer, begin=False, end=True)
    tokenizer.save_pretrained(folder)
    chat = Encoder(str(folder), device="cpu", text_style="chat")
    [ids], _ = chat.token_ids(messages(["w1"]), ["w2"], ["text"])
    assert chat.load()[0].decode(ids) == "w1 <user> w2 <user> <eos>"


@pytest.mark.slow
def test_what_is_no_vector_for_a_text_is_refused(bert_folder, tmp_path):
    folder = build(bert_folder, tmp_path / "st", pooling("mean"))
    about = folder / "config_sentence_transformers.json"
    about.write_text(json.dumps({"model_type": "SparseEncoder"}))
    with pytest.raises(LensError, match="a SparseEncoder, which does not give one dense vector"):
        read_sentence(str(folder), None, None)
    (folder / "modules.json").write_text("[1]")
    with pytest.raises(LensError, match=r"modules\.json is damaged"):
        read_sentence(str(folder), None, None)


@pytest.mark.slow
def test_pickled_modules_and_strangers_code_are_refused(bert_folder, tmp_path):
    from sentence_transformers.sentence_transformer.modules import Dense

    folder = build(bert_folder, tmp_path / "st", pooling("mean"), Dense(16, 4))
    weights = folder / "2_Dense/model.safetensors"
    weights.rename(folder / "2_Dense/pytorch_model.bin")
    with pytest.raises(LensError, match=r"pickled weights.*convert the model once.*python -c"):
        Encoder(str(folder), device="cpu").embed(messages(["w1"]), ["w2"])
    modules = json.loads((folder / "modules.json").read_text())
    modules[2]["type"] = "os.Dense"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "2_Dense/pytorch_model.bin").rename(weights)
    with pytest.raises(LensError, match="trust_remote_code"):
        Encoder(str(folder), device="cpu").embed(messages(["w1"]), ["w2"])


@pytest.mark.slow
def test_a_promised_end_token_is_named(llama_folder, tmp_path, caplog):
    """The library leaves it out, so embeddings have to."""
    folder = build(llama_folder, tmp_path / "st", pooling("lasttoken"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"add_eos_token": True}))
    with caplog.at_level(logging.WARNING):
        agrees(folder)
    assert "promises <eos> at the end of a text" in caplog.text
