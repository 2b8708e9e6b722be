"""The kinds of models that went wrong: each ends in vectors or in one sentence with the remedy."""

import json
import re
import runpy
import sys

import numpy as np
import pytest
import torch
import transformers
from transformers.utils import logging

from lens.core.errors import LensError
from lens.language.encoder import Encoder

pytestmark = pytest.mark.slow
PROMPTS = [
    json.dumps([{"role": "user", "content": text}]) for text in ("Hello?", "What is my fox?")
]
ANSWERS = ["The lazy dog.", "A quick brown fox, which jumps over it."]
REFUSED = {
    "adapter_only": "its weights, adapter_model.safetensors. Copy them there",
    "bin_only": "its weights are pickled",
    "bnb4": "bitsandbytes",
    "gguf": "damaged, or no GGUF file",
    "gptq": "optimum",
    "lfs_pointer": "only a Git LFS pointer",
    "missing_shard": "1 of 4 weight files are missing: model-00004-of-00004.safetensors",
    "named_no_default": "none of them is the default. Set `text_style: plain`",
    "no_tokenizer": "has no tokenizer. Copy tokenizer.json",
    "truncated": "161,624 bytes, but 166,624 are expected",
    "vocab_over": "the model has embeddings for 400 tokens alone",
}


@pytest.fixture(scope="module")
def folder(shared, tmp_path_factory):
    script = shared / "cases/models.py"
    if not script.is_file():
        pytest.skip(f"{script} is not there")
    folder = tmp_path_factory.mktemp("cases")
    words, loud = set(re.findall(r"\w+", script.read_text())), logging.get_verbosity()
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        # Its `from transformers import *` would import every model's code.
        patch.setattr(transformers, "__all__", sorted(words & set(transformers.__all__)))
        patch.setattr(sys, "argv", [str(script), str(folder)])
        patch.setenv("HF_HUB_OFFLINE", "1")
        runpy.run_path(str(script))
    logging.set_verbosity(loud)
    return folder


def test_every_model_gives_vectors_or_a_sentence(folder):
    said = {}
    for path in sorted(folder.iterdir()):
        try:
            vectors = Encoder(str(path), device="cpu").embed(PROMPTS, ANSWERS)
        except LensError as error:
            said[path.name] = str(error)
            continue
        assert vectors.shape == (2, 32)
        assert np.isfinite(vectors).all(), path.name
        assert np.abs(vectors[0] - vectors[1]).max() > 0.1, path.name
    assert said.keys() == REFUSED.keys()
    for name, words in REFUSED.items():
        assert words in said[name], said[name]
        assert name in said[name]
        assert "Traceback" not in said[name]
