"""Models that are not packed: texts of unlike lengths are as each alone, or are read alone."""

import logging

import numpy as np
import pytest
import torch

from lens.language.embedding import embed
from lens.language.packed.reading import can_pack, can_pad
from tests.helpers.tiny_architectures import SHAPE

LAYERS = {**SHAPE, "num_hidden_layers": 4}
MAMBA = {
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_state": 16,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
}


def hybrid(name):
    """A tiny random model of which some layers are attention, others convolution or recurrence."""
    import transformers as t

    torch.manual_seed(0)
    if name == "Lfm2":
        config = t.Lfm2Config(**LAYERS, layer_types=["conv", "full_attention"] * 2)
    elif name == "Bamba":
        config = t.BambaConfig(**LAYERS, **MAMBA, attn_layer_indices=[1, 3])
    else:
        config = t.FalconH1Config(**LAYERS, **MAMBA, mamba_d_ssm=64, head_dim=8)
    return getattr(t, f"{name}Model")(config).eval()


def texts():
    """Three prompts of 3 to 20 tokens with answers of 1 to 12."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(5, 60, size=size).tolist() for size in (3, 9, 20)]
    return [p + rng.integers(5, 60, size=size).tolist() for p in prompts for size in (1, 4, 12)]


def check(model, pooling):
    found = embed(model, texts(), pooling=pooling, layer=-1, batch_tokens=4096, progress=False)
    with torch.inference_mode():
        states = [model(input_ids=torch.tensor([text])).last_hidden_state[0] for text in texts()]
    pooled = [s[-1] if pooling == "last" else s.mean(dim=0) for s in states]
    expected = torch.stack(pooled).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Lfm2", "Bamba", "FalconH1"])
def test_hybrid_models_read_each_text_as_alone(name):
    model = hybrid(name)
    assert not can_pack(model)
    for pooling in ("last", "mean"):
        check(model, pooling)


@pytest.mark.slow
def test_a_model_whose_states_see_padding_reads_texts_one_by_one(caplog):
    from transformers import BloomConfig, BloomModel

    torch.manual_seed(0)
    model = BloomModel(BloomConfig(vocab_size=64, hidden_size=32, n_layer=2, n_head=4)).eval()
    assert can_pad(model)

    def more(module, args, kwargs, output):
        output.last_hidden_state = output.last_hidden_state + kwargs["input_ids"].shape[1]
        return output

    careless = BloomModel(model.config).eval()
    careless.register_forward_hook(more, with_kwargs=True)
    with caplog.at_level(logging.WARNING):
        assert not can_pad(careless)
    assert "BloomModel: texts are read one by one (padding changes states by" in caplog.text
    for pooling in ("last", "mean"):
        check(careless, pooling)
