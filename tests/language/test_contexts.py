"""How many tokens a model reads, where its config does not say it plainly."""

import json

import pytest
import torch

from lens.language import loading
from lens.language.encoder import Encoder
from tests.helpers.word_models import save_tokenizer, shape

pytestmark = pytest.mark.slow


def limit(folder, model):
    from transformers import AutoModel, AutoTokenizer

    model.save_pretrained(folder)
    save_tokenizer(folder, chat=False)
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=10**30)
    return loading.context_length(tokenizer, AutoModel.from_pretrained(folder), None)


@pytest.mark.parametrize("kind", ["Roberta", "XLMRoberta", "Camembert", "MPNet"])
def test_positions_behind_the_padding(tmp_path, kind):
    """A table of 40 positions of which the first are the padding's: one more token would fail."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        **shape(max_position_embeddings=40) | {"pad_token_id": 1}
    )
    model = getattr(transformers, f"{kind}Model")(config).eval()
    found = limit(tmp_path, model)
    assert found == 38
    ids = torch.randint(5, 40, (1, found + 1))
    model(input_ids=ids[:, :found])
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids)
    prompt = json.dumps([{"role": "user", "content": "w1 " * 60}])
    encoder = Encoder(str(tmp_path), device="cpu")
    assert encoder.embed([prompt], ["w2"]).shape == (1, 16)
    assert encoder.cut == 1


def test_the_text_part_of_a_composite_model(tmp_path):
    from transformers import Gemma3Config, Gemma3Model

    text = shape(max_position_embeddings=48, head_dim=8, num_key_value_heads=1, sliding_window=16)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    torch.manual_seed(0)
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    assert limit(tmp_path, Gemma3Model(config)) == 48
    prompt = json.dumps([{"role": "user", "content": "w1 " * 60}])
    encoder = Encoder(str(tmp_path), device="cpu", text_style="plain")
    assert encoder.embed([prompt] * 2, ["w2", "w3 w4"]).shape == (2, 16)
    assert encoder.cut == 2


def test_no_limit_at_all(tmp_path):
    from transformers import BloomConfig, BloomModel

    torch.manual_seed(0)
    model = BloomModel(BloomConfig(vocab_size=46, hidden_size=16, n_layer=1, n_head=2))
    assert limit(tmp_path, model) == 10**30
