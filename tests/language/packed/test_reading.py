"""Each token once: the same states as text by text, whatever the architecture."""

import logging

import numpy as np
import pytest
import torch

from lens.language.embedding import embed
from lens.language.gold import score
from lens.language.packed.reading import (
    can_pack,
    distinct_tokens,
    last_states,
    text_states,
)
from tests.helpers.tiny_architectures import SHAPE


def build(name):
    """A tiny random model of an architecture, its states far from even."""
    import transformers as t

    torch.manual_seed(0)
    window = {"sliding_window": 6}
    makers = {
        "llama": lambda: t.LlamaModel(t.LlamaConfig(**SHAPE)),
        "qwen2": lambda: t.Qwen2Model(t.Qwen2Config(**SHAPE)),
        "qwen3": lambda: t.Qwen3Model(t.Qwen3Config(**SHAPE, head_dim=8)),
        "mistral, window 6": lambda: t.MistralModel(t.MistralConfig(**SHAPE, **window)),
        "gemma2, window 6": lambda: t.Gemma2Model(t.Gemma2Config(**SHAPE, **window, head_dim=8)),
        "gemma3, window 6": lambda: t.Gemma3TextModel(
            t.Gemma3TextConfig(**SHAPE, **window, head_dim=8)
        ),
        "gpt2": lambda: t.GPT2Model(
            t.GPT2Config(
                vocab_size=60,
                n_embd=32,
                n_layer=3,
                n_head=4,
                n_positions=128,
                initializer_range=0.2,
            )
        ),
    }
    return makers[name]().eval()


NAMES = [
    "llama",
    "qwen2",
    "qwen3",
    "mistral, window 6",
    "gemma2, window 6",
    "gemma3, window 6",
    "gpt2",
]


def some_texts(seed=0):
    """Prompts of 1 to 20 tokens with 1 to 5 answers, some of which begin alike or stand twice."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(9):
        prompt = rng.integers(5, 60, size=rng.integers(1, 21)).tolist()
        for _ in range(rng.integers(1, 6)):
            texts.append(prompt + rng.integers(5, 60, size=rng.integers(1, 15)).tolist())
        texts.append(list(texts[-1]))
        texts.append([*texts[-1], 7, 8, number + 5])
        texts.append([*texts[-1][:-1], 40])
    texts.append(texts[0][:1])  # a text that is the beginning of others
    return [texts[i] for i in rng.permutation(len(texts))]


def alone(model, texts, pooling="last", layer=-1):
    """States as the model gives them for one text at a time."""
    pools = {"last": lambda h: h[-1], "mean": lambda h: h.mean(dim=0), "first": lambda h: h[0]}
    found = []
    with torch.inference_mode():
        for text in texts:
            output = model(input_ids=torch.tensor([text]), output_hidden_states=True)
            hidden = output.last_hidden_state if layer == -1 else output.hidden_states[layer]
            found.append(pools[pooling](hidden[0]).float().numpy())
    return np.stack(found)


def once(texts):
    return [list(text) for text in dict.fromkeys(map(tuple, texts))]


@pytest.mark.slow
@pytest.mark.parametrize("layer", [-1, 0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_states_are_those_of_each_text_alone(name, layer):
    model = build(name)
    texts = some_texts()
    assert can_pack(model)
    options = {"pooling": "last", "layer": layer, "progress": False}
    shared = embed(model, texts, batch_tokens=64, **options)
    expected = alone(model, texts, layer=layer)
    np.testing.assert_allclose(shared, expected, atol=1e-5)
    assert expected.std() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 30, 4096])
def test_budgets_and_orders_change_nothing(budget):
    model = build("llama")
    texts = some_texts(1)
    options = {"pooling": "last", "layer": -1, "progress": False}
    plain = alone(model, texts)
    shared = embed(model, texts, batch_tokens=budget, **options)
    np.testing.assert_allclose(shared, plain, atol=1e-5)
    back = embed(model, texts[::-1], batch_tokens=budget, **options)
    np.testing.assert_allclose(back[::-1], plain, atol=1e-5)


def tokens_read(model):
    """A list that gets the tokens of each call of a model from now on."""
    seen = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(int(kwargs["input_ids"].numel())),
        with_kwargs=True,
    )
    return seen


def test_each_token_of_the_tree_goes_through_the_model_once():
    """Shared at two depths: a prompt by eight answers, and a beginning by four of them."""
    model = build("llama")
    prompt = list(range(5, 45))
    texts = [[*prompt, first, 3, 4, last] for first in (50, 51) for last in range(45, 49)]
    assert can_pack(model)
    seen = tokens_read(model)
    states = list(last_states(model, texts, layer=-1, budget=1024))
    assert sum(len(rows) for rows, _ in states) == 8
    assert sum(seen) == 40 + 2 * 3 + 8 == distinct_tokens(texts) == distinct_tokens(texts * 3)


def test_a_text_that_stands_often_is_read_once():
    model = build("llama")
    texts = [[5, 6, 7], [8, 9, 10, 11], [5, 6, 7], [5, 6, 7]]
    options = {"pooling": "last", "layer": -1, "batch_tokens": 64, "progress": False}
    embed(model, texts, **options)
    seen = tokens_read(model)
    got = embed(model, texts, **options)
    assert sum(seen) == 7
    assert (got[[2, 3]] == got[0]).all()
    assert not (got[1] == got[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Bert", "Roberta", "XLMRoberta", "Camembert"])
@pytest.mark.parametrize("pooling", ["last", "mean", "first"])
def test_an_encoder_s_texts_lie_side_by_side_but_share_nothing(pooling, kind):
    """RoBERTa's positions begin behind the padding's."""
    import transformers

    torch.manual_seed(0)
    shape = {name: value for name, value in SHAPE.items() if name != "num_key_value_heads"}
    shape["pad_token_id"] = 0 if kind == "Bert" else 1
    config = getattr(transformers, f"{kind}Config")(**shape)
    model = getattr(transformers, f"{kind}Model")(config).eval()
    texts = some_texts()
    assert can_pack(model)
    options = {"pooling": pooling, "layer": -1, "progress": False}
    expected = alone(model, texts, pooling)
    seen = tokens_read(model)
    got = embed(model, texts, batch_tokens=64, **options)
    assert sum(seen) == sum(map(len, once(texts)))
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.slow
def test_a_model_with_attention_of_its_own_reads_every_text_whole_and_says_so(caplog):
    from transformers import BloomConfig, BloomModel

    torch.manual_seed(0)
    model = BloomModel(BloomConfig(vocab_size=60, hidden_size=32, n_layer=2, n_head=4)).eval()
    texts = some_texts()
    options = {"pooling": "last", "layer": -1, "progress": False}
    with caplog.at_level(logging.WARNING):
        got = embed(model, texts, batch_tokens=64, **options)
    assert "BloomModel: texts are read whole" in caplog.text
    expected = alone(model, texts)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Llama", "Qwen2", "Mistral", "GPT2"])
def test_gold_scores_are_the_classifiers_own(name):
    import transformers as t

    torch.manual_seed(0)
    config = getattr(t, f"{name}Config")
    shape = {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": 60, "pad_token_id": 0}
    config = config(**(shape if name == "GPT2" else SHAPE), num_labels=1)
    model = getattr(t, f"{name}ForSequenceClassification")(config).eval()
    texts = some_texts(2)
    with torch.inference_mode():
        own = [model(input_ids=torch.tensor([text])).logits[0, 0].item() for text in texts]
    got = score(model, texts, batch_tokens=64)
    np.testing.assert_allclose(got, own, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["GPT2", "OPT"])
def test_padding_does_not_count_past_learned_positions(name):
    """A prompt that nearly fills the context, beside a short one with longer answers."""
    import transformers as t

    torch.manual_seed(0)
    if name == "GPT2":
        model = t.GPT2Model(
            t.GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=32)
        )
    else:
        shape = {"vocab_size": 60, "hidden_size": 32, "ffn_dim": 48, "word_embed_proj_dim": 32}
        model = t.OPTModel(
            t.OPTConfig(
                **shape, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32
            )
        )
    rng = np.random.default_rng(0)
    long, short = rng.integers(5, 60, size=28).tolist(), rng.integers(5, 60, size=3).tolist()
    texts = [
        prompt + rng.integers(5, 60, size=size).tolist()
        for prompt, size in ((long, 2), (long, 4), (short, 12), (short, 11))
    ]
    options = {"pooling": "last", "layer": -1, "batch_tokens": 4096, "progress": False}
    shared = embed(model.eval(), texts, **options)
    expected = alone(model, texts)
    np.testing.assert_allclose(shared, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_follow_the_whole_text_are_not_shared(kind, caplog):
    from transformers import LlamaConfig, LlamaModel

    rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 2.0}
    if kind == "longrope":
        rope |= {
            "short_factor": [1.0] * 4,
            "long_factor": [9.0] * 4,
            "original_max_position_embeddings": 12,
        }
    model = LlamaModel(LlamaConfig(**SHAPE, rope_parameters=rope)).eval()
    with caplog.at_level(logging.WARNING):
        assert not can_pack(model)
    assert "follow the length of the whole text" in caplog.text


def test_a_model_whose_states_depend_on_the_split_is_not_shared(caplog):
    """Nothing fails, but the numbers are others: only the trial can tell."""
    model = build("llama")

    def more(module, args, kwargs, output):
        output.last_hidden_state = output.last_hidden_state + kwargs["input_ids"].shape[1]
        return output

    model.register_forward_hook(more, with_kwargs=True)
    with caplog.at_level(logging.WARNING):
        assert not can_pack(model)
    assert "states differ by" in caplog.text


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_other_pooling_shares_too(pooling):
    model, texts = build("llama"), some_texts()
    options = {"pooling": pooling, "layer": -1, "progress": False}
    got = embed(model, texts, batch_tokens=100, **options)
    expected = alone(model, texts, pooling)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_model_is_as_it_was_between_batches():
    """Its attention is exchanged while a batch goes through it, and no longer."""
    model, texts = build("llama"), once(some_texts())
    ids = torch.tensor([[5, 6, 7, 8]])
    before = model(input_ids=ids).last_hidden_state
    for _ in text_states(model, texts, layer=-1, budget=60):
        assert torch.equal(model(input_ids=ids).last_hidden_state, before)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"layer_types": ["full_attention", "chunked_attention"]}, "chunked_attention"),
        ({"attention_chunk_size": 4}, "its attention sees chunks"),
    ],
)
def test_attention_of_other_kinds_is_not_packed(settings, why, caplog):
    """A trial with short texts would not see how these treat long ones."""
    model = build("llama")
    for name, value in settings.items():
        setattr(model.config, name, value)
    with caplog.at_level(logging.WARNING):
        assert not can_pack(model)
    assert why in caplog.text


def test_a_classifier_with_more_than_a_linear_head_is_scored_whole(caplog):
    import transformers as t

    torch.manual_seed(0)
    model = t.LlamaForSequenceClassification(t.LlamaConfig(**SHAPE, num_labels=1)).eval()

    def doubled(module, args, kwargs, output):
        output.logits = 2 * output.logits
        return output

    model.register_forward_hook(doubled, with_kwargs=True)
    texts = some_texts(2)
    with caplog.at_level(logging.WARNING):
        got = score(model, texts, batch_tokens=64)
    assert "more than a linear head" in caplog.text
    expected = alone(model.model, texts) @ model.score.weight[0].detach().numpy()
    np.testing.assert_allclose(got, 2 * expected, atol=1e-5)


def test_half_precision_is_shared_too():
    model = build("llama").to(torch.bfloat16)
    assert can_pack(model)
    texts = some_texts()
    options = {"pooling": "last", "layer": -1, "batch_tokens": 64, "progress": False}
    shared = embed(model, texts, **options)
    plain = alone(model, texts)
    assert np.abs(shared - plain).max() < 0.05 * np.abs(plain).max()
