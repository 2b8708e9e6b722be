"""A folder with an adapter alone is the model that it was trained on, with the adapter merged."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.language import loading
from lens.language.encoder import Encoder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("peft"), reason="peft is not installed (extra text)"),
]
PROMPT = json.dumps([{"role": "user", "content": "w1 w2"}])


def adapted(base, folder, auto_class, task, **more):
    """The model with an adapter that is not nothing, which is saved in the folder."""
    import peft

    torch.manual_seed(0)
    model = auto_class.from_pretrained(base, **more).eval()
    config = peft.LoraConfig(task_type=task, r=2, target_modules=["q_proj", "v_proj"])
    whole = peft.get_peft_model(model, config).eval()
    with torch.no_grad():
        for name, value in whole.named_parameters():
            if "lora_B" in name:
                value.normal_()
    whole.save_pretrained(folder)
    return whole


@pytest.fixture
def adapter(llama_folder, tmp_path):
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "adapter"
    whole = adapted(llama_folder, folder, AutoModelForCausalLM, "CAUSAL_LM")
    return folder, whole


def test_embeddings_and_texts_are_the_adapted_models(adapter, llama_folder):
    from transformers import AutoModelForCausalLM

    folder, whole = adapter
    encoder = Encoder(str(folder), device="cpu")
    [ids], _ = encoder.token_ids([PROMPT], ["w3"], ["text"])
    with torch.inference_mode():
        output = whole(torch.tensor([ids]), output_hidden_states=True)
    got = encoder.embed([PROMPT], ["w3"])
    np.testing.assert_allclose(got[0], output.hidden_states[-1][0, -1], atol=1e-5)
    plain = Encoder(str(llama_folder), device="cpu").embed([PROMPT], ["w3"])
    assert np.abs(got - plain).max() > 1e-2
    _, model = loading.load(
        AutoModelForCausalLM, str(folder), revision=None, dtype="float32", device="cpu"
    )
    with torch.inference_mode():
        torch.testing.assert_close(model(torch.tensor([ids])).logits, output.logits)


def test_a_classifier_keeps_the_head_that_was_trained_with_it(llama_folder, tmp_path):
    from transformers import AutoModelForSequenceClassification as Classifier

    folder = tmp_path / "gold"
    whole = adapted(llama_folder, folder, Classifier, "SEQ_CLS", num_labels=1)
    _, model = loading.load(Classifier, str(folder), revision=None, dtype="float32", device="cpu")
    ids = torch.tensor([[1, 7, 8, 9]])
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits, whole(ids).logits, atol=1e-5, rtol=1e-5)


def test_a_base_that_is_gone_or_another_one_is_named(adapter, bert_folder):
    folder, _ = adapter
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())

    def refused(words, **changed):
        path.write_text(json.dumps(config | changed))
        with pytest.raises(LensError, match=words):
            Encoder(str(folder), device="cpu").embed([PROMPT], ["w3"])

    refused(
        r"an adapter, whose base model cannot be loaded: /nowhere: no such model folder.*Set "
        r"`base_model_name_or_path` in adapter_config\.json",
        base_model_name_or_path="/nowhere",
    )
    refused("does not name the model", base_model_name_or_path=None)
    refused("adapter", base_model_name_or_path=str(bert_folder))
    refused("does not fit its model", target_modules=["q_proj"])


def test_weights_that_are_missing_or_stand_beside_a_whole_model(adapter, llama_folder, tmp_path):
    folder, _ = adapter
    both = shutil.copytree(llama_folder, tmp_path / "both")
    shutil.copy(folder / "adapter_config.json", both)
    plain = Encoder(str(llama_folder), device="cpu").embed([PROMPT], ["w3"])
    got = Encoder(str(both), device="cpu").embed([PROMPT], ["w3"])
    np.testing.assert_array_equal(got, plain)  # a config alone adapts nothing
    shutil.copy(folder / "adapter_model.safetensors", both)
    with pytest.raises(LensError, match=r"holds a model \(model\.safetensors\) and an adapter"):
        Encoder(str(both), device="cpu").embed([PROMPT], ["w3"])
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(LensError, match=r"not its weights, adapter_model\.safetensors \(adapter_m"):
        loading.require_model(str(folder))
