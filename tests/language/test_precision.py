"""Fast is bfloat16 in linear layers between float32 states; the same numbers with units or not."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from lens.language import loading, precision
from lens.language.encoder import Encoder
from lens.language.packed import reading
from lens.language.packed.head import head_can_pack
from lens.language.precision import (
    FastLinear,
    exactly,
    linear_layers,
    make_fast,
    multiplies_rounded,
    put,
    settle,
)
from lens.language.settings import LoadSettings


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "width"), [(1, 7), (60, 300), (3000, 7), (300, 301)])
def test_a_fast_layer_rounds_weights_and_inputs_and_sums_in_float32(bias, rows, width):
    torch.manual_seed(0)
    layer, states = nn.Linear(300, width, bias=bias), torch.randn(rows, 300)

    def low(values):
        return values.detach().bfloat16().double()

    exact = low(states) @ low(layer.weight).T + (layer.bias.double() if bias else 0)
    for units in (False, multiplies_rounded()):
        found = FastLinear(layer.weight, layer.bias, units)(states)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=2e-5)
    assert (layer(states) - exact).abs().max() > 3e-4


def test_products_are_rounded_within_fast_layers_alone():
    first, second = torch.randn(64, 256), torch.randn(256, 128)
    before, exact = torch.get_float32_matmul_precision(), first @ second
    with pytest.raises(KeyError), precision.rounded_products():
        raise KeyError
    assert torch.get_float32_matmul_precision() == before
    assert torch.equal(first @ second, exact)


def test_threads_leave_no_rounding_behind():
    layer, states = nn.Linear(300, 300), torch.randn(300, 300)
    fast, exact = FastLinear(layer.weight, layer.bias, units=True), layer(states)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fast(states), range(200)))
    assert torch.equal(layer(states), exact)


def test_a_cpu_that_does_not_round_is_found_out(monkeypatch):
    monkeypatch.setattr(precision, "rounded_products", nullcontext)
    assert not multiplies_rounded.__wrapped__()


def test_the_linear_layers_of_gpt_2_are_fast_too():
    from transformers.pytorch_utils import Conv1D

    torch.manual_seed(0)
    model, states = nn.Sequential(Conv1D(7, 30)), torch.randn(5, 30)
    high = model(states)
    layers = linear_layers(model)
    make_fast(model, units=False)
    expected = states.bfloat16().float() @ model[0].weight.T + model[0].bias
    torch.testing.assert_close(model(states), expected)
    assert 0 < (model(states) - high).abs().max() < 0.05
    put(layers)
    assert torch.equal(model(states), high)


def llama(folder):
    from transformers import AutoModel

    return loading.load(AutoModel, str(folder), revision=None, dtype="float32", device="cpu")


def test_states_between_layers_stay_float32_and_move_little(llama_folder):
    _, model = llama(llama_folder)
    ids = torch.tensor([[1, 5, 6, 7, 8, 9]])
    with torch.inference_mode():
        high = model(input_ids=ids).last_hidden_state
        layers = linear_layers(model)
        make_fast(model, units=False)
        fast = model(input_ids=ids).last_hidden_state
        put(layers)
        again = model(input_ids=ids).last_hidden_state
    assert fast.dtype == torch.float32
    assert len(layers) == 2 * 7
    assert 0 < (fast - high).abs().max() < 0.05 * high.abs().max()
    assert torch.equal(again, high)


def test_for_a_trial_nothing_but_weights_is_rounded(llama_folder):
    torch.manual_seed(0)
    linear, states = nn.Linear(30, 7), torch.randn(5, 30)
    layer = FastLinear(linear.weight, linear.bias, units=False)
    rounded = layer(states)
    with exactly(layer):
        assert torch.equal(layer(states), nn.functional.linear(states, layer.weight, layer.bias))
    assert torch.equal(layer(states), rounded)
    _, model = llama(llama_folder)
    make_fast(model, units=False)
    assert reading.can_pad(model)
    assert reading.can_pack(model)
    writer = AutoModelForCausalLM.from_pretrained(llama_folder, dtype="float32").eval()
    make_fast(writer, units=False)
    assert isinstance(writer.get_output_embeddings(), FastLinear)
    assert head_can_pack(writer, writer.get_output_embeddings())
    with torch.inference_mode():  # what rounding alone does is far more than a trial allows
        long = torch.tensor([reading.trial_texts()[0]])
        change = model(input_ids=long).last_hidden_state
        with exactly(model):
            change = (change - model(input_ids=long).last_hidden_state).abs().max()
    assert change > 2 * reading.MOST_DIFFERENCE


def test_a_score_s_head_stays_exact(gold_folder):
    from transformers import AutoModelForSequenceClassification

    path = str(gold_folder)
    _, model = loading.load(
        AutoModelForSequenceClassification, path, revision=None, dtype="bfloat16", device="cpu"
    )
    assert type(model.score) is nn.Linear
    assert isinstance(model.model.layers[0].mlp.up_proj, FastLinear)


def test_embeddings_say_by_what_they_were_made(llama_folder):
    prompts, answers = ['[{"role": "user", "content": "w1 w2"}]'] * 2, ["w3", "w4 w5"]
    high = Encoder(str(llama_folder), device="cpu")
    fast = Encoder(str(llama_folder), dtype="bfloat16", device="cpu")
    one, other = (encoder.embed(prompts, answers) for encoder in (high, fast))
    assert 0 < np.abs(one - other).max() < 0.1 * np.abs(one).max()
    assert (high.as_dict()["dtype"], fast.as_dict()["dtype"]) == ("float32", "bfloat16")


@pytest.mark.parametrize(
    ("units", "most", "settled", "said"),
    [
        (False, 1.0, "float32", ""),
        (True, 1.0, "bfloat16", "precision: fast"),
        (True, 1e-6, "float32", "precision: high"),
    ],
)
def test_auto_is_fast_where_units_are_and_states_move_little(
    llama_folder, monkeypatch, caplog, units, most, settled, said
):
    monkeypatch.setattr(precision, "multiplies_rounded", lambda: units)
    monkeypatch.setattr(precision, "MOST_DRIFT", most)
    monkeypatch.setattr(precision, "SENTENCES", ("w1 w2", "w3", "w4 w5 w6"))
    tokenizer, model = llama(llama_folder)
    with caplog.at_level(logging.WARNING):
        assert settle(tokenizer, model, 20) == settled
    found = {type(layer) for layer in model.modules() if isinstance(layer, nn.Linear)}
    assert found == {FastLinear if settled == "bfloat16" else nn.Linear}
    assert said in caplog.text
    encoder = Encoder(str(llama_folder), dtype="auto", device="cpu")
    encoder.load()
    assert encoder.as_dict()["dtype"] == settled


def test_a_model_that_reads_little_is_settled_too(monkeypatch):
    class Short(nn.Module):
        device = torch.device("cpu")

        def forward(self, input_ids):
            assert input_ids.shape[1] == 20
            return SimpleNamespace(last_hidden_state=input_ids[..., None].float().expand(1, 20, 3))

    def tokenizer(text):
        return {"input_ids": list(text.encode())}

    monkeypatch.setattr(precision, "multiplies_rounded", lambda: True)
    monkeypatch.setattr(precision, "SENTENCES", ("a sentence", "another one", "the third"))
    assert settle(tokenizer, Short(), 20) == "float32"  # the same last state for all: none varies


def test_heads_in_parts_stay_exact():
    model = nn.ModuleDict({"classifier": nn.Sequential(nn.Linear(4, 4)), "body": nn.Linear(4, 4)})
    assert [name for _, name, _ in linear_layers(model)] == ["body"]


def test_the_older_name_is_read_in_a_config():
    settings = {"model": "a/b"}
    assert LoadSettings(**settings, dtype="bfloat16").precision == "fast"
    assert LoadSettings(**settings, dtype="float32").precision == "high"
    assert LoadSettings(**settings).precision == "high"
    for wrong in ({"dtype": "float16"}, {"dtype": "float32", "precision": "high"}):
        with pytest.raises(ValueError, match="instead of `dtype`"):
            LoadSettings(**settings, **wrong)


def test_a_workflow_is_not_told_auto():
    with pytest.raises(ValueError, match="precision"):
        LoadSettings(model="a/b", precision="auto")


@pytest.mark.parametrize(
    ("given", "precision"),
    [((), "high"), (("--dtype", "bfloat16"), "fast"), (("--precision", "fast"), "fast")],
)
def test_the_older_flag_is_an_alias(given, precision):
    from lens.cli import build_parser

    files = ["--pairs", "p", "--model", "m", "--out", "o", "--metrics", "m"]
    assert build_parser().parse_args(["embed-pairs", *files, *given]).precision == precision
    own = build_parser().parse_args(["advise", "pairs.jsonl", "--model", "m", *given])
    assert own.precision == (precision if given else "auto")
