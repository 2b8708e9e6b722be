"""GGUF files are read as the models that they were made from."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language import loading
from lens.language.encoder import Encoder
from tests.helpers import gguf_models

pytest.importorskip("gguf", reason="gguf is not installed (extra gguf)")
pytestmark = pytest.mark.slow
PROMPT = json.dumps([{"role": "user", "content": "a kayak"}])
TEMPLATE = "{% for m in messages %}{{ m['content'] + '<eos>' }}{% endfor %}"


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    """(the file, the model that is in it)."""
    from transformers import Qwen2ForCausalLM

    model = gguf_models.qwen(Qwen2ForCausalLM)
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    gguf_models.write(path, model, bos=True, template=TEMPLATE)
    return path, model


def loaded(auto_class, path):
    return loading.load(auto_class, str(path), revision=None, dtype="float32", device="cpu")


def test_embeddings_are_the_original_models(causal):
    path, model = causal
    for place in (path, path.parent):
        encoder = Encoder(str(place), device="cpu")
        got = encoder.embed([PROMPT] * 2, ["a long answer", "none"])
        assert (encoder.pooling, encoder.text_style) == ("last", "chat")
        ids, _ = encoder.token_ids([PROMPT] * 2, ["a long answer", "none"], ["a", "b"])
        assert ids[0][-1] == 2
        with torch.inference_mode():
            want = [model.model(torch.tensor([each])).last_hidden_state[0, -1] for each in ids]
        np.testing.assert_allclose(got, np.stack(want), atol=1e-5)


def test_it_writes_and_can_be_saved(causal, tmp_path):
    from transformers import AutoModelForCausalLM

    path, model = causal
    _, read = loaded(AutoModelForCausalLM, path)
    ids = torch.tensor([[1, 40, 50, 60]])
    with torch.inference_mode():
        torch.testing.assert_close(read(ids).logits, model(ids).logits, atol=1e-5, rtol=1e-5)
    read.save_pretrained(tmp_path / "saved")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    torch.testing.assert_close(again(ids).logits, read(ids).logits)


def test_gold_has_its_head_or_is_refused(causal, tmp_path):
    from transformers import AutoModelForSequenceClassification, Qwen2ForSequenceClassification

    from lens.language.gold import score

    model = gguf_models.qwen(Qwen2ForSequenceClassification, num_labels=1)
    gguf_models.write(tmp_path / "gold.gguf", model)
    _, gold = loaded(AutoModelForSequenceClassification, tmp_path / "gold.gguf")
    texts = [[40, 50, 60], [41, 42]]
    with torch.inference_mode():
        want = [model(torch.tensor([text])).logits[0, 0] for text in texts]
    np.testing.assert_allclose(score(gold, texts, batch_tokens=64), want, atol=1e-5)
    with pytest.raises(LensError, match=r"no trained weights for score\.weight"):
        loaded(AutoModelForSequenceClassification, causal[0])


@pytest.mark.parametrize(("bos", "eos"), [(False, False), (True, False), (True, True)])
def test_the_ends_are_those_that_the_file_names(causal, tmp_path, bos, eos):
    from transformers import AutoModel

    gguf_models.write(tmp_path / "tiny.gguf", causal[1], bos=bos, eos=eos)
    tokenizer, _ = loaded(AutoModel, tmp_path / "tiny.gguf")
    ids = tokenizer("kayak")["input_ids"]
    assert (ids[0] == 1, ids[-1] == 2) == (bos, eos)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "kayak"


def test_a_changed_file_is_another_model(causal, tmp_path):
    from transformers import Qwen2ForCausalLM

    path = shutil.copy(causal[0], tmp_path)
    before = loading.identity(str(path), None)
    assert set(before) == {"model/tiny.gguf"}
    gguf_models.write(path, gguf_models.qwen(Qwen2ForCausalLM, rms_norm_eps=1e-3))
    assert loading.identity(str(path), None) != before


def test_damaged_files_parts_and_choices_get_a_sentence(causal, tmp_path):
    def refused(words, place):
        with pytest.raises(LensError, match=words):
            loading.require_model(str(place))

    bad = tmp_path / "bad.gguf"
    for content in (b"", b"GGUF" + bytes(64), causal[0].read_bytes()[:3000], b"no" * 100):
        bad.write_bytes(content)
        refused(r"bad\.gguf: damaged, or no GGUF file", bad)
    shutil.copy(causal[0], tmp_path / "good.gguf")
    refused(r"holds 2 GGUF files\. Give one: --model '.*bad\.gguf' \(or good", tmp_path)
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in (1, 2):
        shutil.copy(causal[0], parts / f"m-0000{number}-of-00002.gguf")
    refused(r"one of several parts\. Join them first", parts)
    refused("no such model folder or GGUF file", tmp_path / "absent.gguf")


def real_weights(name):
    """The folder with a real file: LENS_GGUF, or where `make real` or the shared script puts it."""
    root = Path(__file__).resolve().parents[3]
    named = os.environ.get("LENS_GGUF")
    here = root / "results/real_inputs/weights"
    shared = root.parent / "shared/weights"
    for folder in ([Path(named)] if named else []) + [here, shared, *sorted(shared.glob("*/"))]:
        if (folder / name).is_file():
            return folder
    pytest.skip(f"{name} is not there (run: sh benchmarks/real_weights.sh {here})")


def test_a_real_file_agrees_with_plain_transformers():
    from transformers import AutoModel, AutoTokenizer

    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    folder = real_weights(name)
    encoder = Encoder(str(folder / name), device="cpu")
    got = encoder.embed([PROMPT], ["Rinse it and dry it."])
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModel.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    text = encoder.text(PROMPT, "Rinse it and dry it.")
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        want = model(ids).last_hidden_state[0, -1]
    np.testing.assert_allclose(got[0], want, atol=1e-4)
