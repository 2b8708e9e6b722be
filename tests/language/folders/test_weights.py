"""Folders that cannot be loaded as they are, each with its remedy; what a tokenizer promises."""

import json
import logging
import shlex
import shutil

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language.encoder import Encoder
from lens.language.folders.ends import add_ends, ends

pytestmark = pytest.mark.slow
PROMPT = json.dumps([{"role": "user", "content": "w1 w2"}])


@pytest.fixture
def folder(llama_folder, tmp_path):
    return shutil.copytree(llama_folder, tmp_path / "model")


def embedded(folder, **settings):
    return Encoder(str(folder), device="cpu", **settings).embed([PROMPT], ["w3"])


def refused(folder, words, **settings):
    with pytest.raises(LensError, match=words) as caught:
        embedded(folder, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_pointers_in_place_of_files(folder, name):
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused(folder, rf"{name}: only a Git LFS pointer, not the file itself\. Run `git -C ")


def test_weights_cut_short_or_lengthened_or_no_weights_at_all(folder):
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for part in (whole[:-50], whole[:5], whole + b"0", b""):
        file.write_bytes(part)
        refused(folder, r"model\.safetensors: .*Download it again")
    file.write_bytes(b"<html>not found</html>" * 9)
    refused(folder, "damaged, or no safetensors file")
    file.unlink()
    refused(folder, r"has no weights that are read \(model\.safetensors\), only ")


def test_missing_shards(folder):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="8KB")
    sorted(folder.glob("model-*"))[-1].unlink()
    refused(folder, r"1 of \d weight files are missing: model-0000\d-of-0000\d\.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    refused(folder, r"index\.json: damaged")


def test_pickled_weights_and_the_command_that_converts_them(folder, llama_folder):
    from safetensors.torch import load_file

    file = folder / "model.safetensors"
    torch.save(load_file(file), folder / "pytorch_model.bin")
    file.unlink()
    message = refused(folder, r"its weights are pickled \(pytorch_model\.bin\).*convert them once")
    command = message.partition("convert them once: ")[2]
    python, option, code = shlex.split(command)
    assert (python, option) == ("python", "-c")
    exec(code, {})
    np.testing.assert_allclose(embedded(folder), embedded(llama_folder), atol=1e-6)


def test_no_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    refused(folder, r"has no tokenizer\. Copy tokenizer\.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be loaded"),
        ('{"model_type": "nonesuch"}', "cannot be loaded.*nonesuch"),
        ("[]", "cannot be loaded"),
        ('{"model_type": "llama", "hidden_size": "wide"}', "cannot be loaded"),
    ],
)
def test_configs_that_say_nothing_of_use(folder, content, words):
    (folder / "config.json").write_text(content)
    refused(folder, words)


def test_weights_of_another_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 32}))
    refused(folder, "cannot be loaded")


@pytest.mark.parametrize("content", ["{}", "not JSON", '{"model": {"type": "nonesuch"}}'])
def test_damaged_tokenizers(folder, content):
    (folder / "tokenizer.json").write_text(content)
    refused(folder, "cannot be loaded")


def test_what_else_a_folder_may_hold(tmp_path):
    for name, words in (
        ("model_index.json", "a pipeline that makes pictures"),
        ("params.json", "weights as their maker saved them"),
        ("model.onnx", "an ONNX model"),
        ("notes.txt", "give the folder that has config.json"),
    ):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("{}")
        refused(folder, f"has no config.json, so it holds no model: .*{words}")


def test_tokens_that_the_model_has_no_embedding_for(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<new>", "<newer>"], special_tokens=True)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + ' <new> ' }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    refused(folder, r"holds '<new>' \(token 46\), but the model has embeddings for 46 tokens alone")
    assert np.isfinite(embedded(folder, text_style="plain")).all()


def test_chat_templates_by_name(folder, llama_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    template = tokenizer.chat_template
    tokenizer.chat_template = {"default": template, "tool_use": "{{ 'w9' }}"}
    tokenizer.save_pretrained(folder)
    np.testing.assert_allclose(embedded(folder), embedded(llama_folder), atol=1e-6)
    tokenizer.chat_template = {"rag": template, "tool_use": "{{ 'w9' }}"}
    shutil.rmtree(folder / "additional_chat_templates")
    (folder / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(folder)
    refused(folder, r"chat templates by name \(rag, tool_use\) and none of them is the default")
    assert np.isfinite(embedded(folder, text_style="plain")).all()
    (folder / "chat_template.jinja").write_text(template)  # the remedy
    np.testing.assert_allclose(embedded(folder), embedded(llama_folder), atol=1e-6)


def test_templates_that_fail_in_any_way(folder):
    for template in ("{{ raise_exception('no') }}", "{{ 1 + 'a' }}", "{{ messages[9]['x'] }}"):
        (folder / "chat_template.jinja").write_text(template)
        refused(folder, r"its chat template fails \(")


def test_a_promised_end_token_is_there(folder, caplog):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"add_eos_token": True}))
    encoder = Encoder(str(folder), device="cpu", text_style="plain", max_length=8)
    with caplog.at_level(logging.WARNING):
        ids, cut = encoder.token_ids([PROMPT] * 2, ["w3", "w4 " * 20], ["a", "b"])
    assert "promises <eos> at the end of a text" in caplog.text
    assert cut == 1
    assert [(each[0], each[-1], len(each)) for each in ids] == [(1, 2, 5), (1, 2, 8)]
    chat = Encoder(str(folder), device="cpu")
    assert chat.token_ids([PROMPT], ["w3"], ["a"])[0][0][-2:] != [2, 2], "the template ends it"


def test_ends_are_added_once(llama_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    assert ends(tokenizer) == ([1], [])
    assert add_ends(tokenizer, begin=True, end=True) == ["<eos>"]
    assert add_ends(tokenizer, begin=True, end=True) == []
    assert tokenizer("w1")["input_ids"] == [1, 7, 2]


def test_a_model_that_does_not_read_text_alone(tmp_path):
    from transformers import CLIPConfig, CLIPModel

    from tests.helpers.word_models import save_tokenizer

    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    tiny |= {"num_attention_heads": 2, "projection_dim": 8}
    text = tiny | {"vocab_size": 46, "max_position_embeddings": 16, "eos_token_id": 2}
    vision = tiny | {"image_size": 8, "patch_size": 4}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision)).save_pretrained(tmp_path)
    save_tokenizer(tmp_path, chat=False)
    refused(tmp_path, "a CLIPModel, which does not turn a text alone into a state")
