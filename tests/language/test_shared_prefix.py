"""Prompts read once: the same states as text by text, whatever the architecture."""

import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lens.language.embedding import embed
from lens.language.gold import score
from lens.language.shared_prefix import (
    Group,
    _portions,
    can_share,
    distinct_tokens,
    group_texts,
    last_states,
)

SHAPE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.2,  # attention far from even, so that positions and masks matter
}


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
    texts, keys = [], []
    for number in range(9):
        prompt = rng.integers(5, 60, size=rng.integers(1, 21)).tolist()
        for _ in range(rng.integers(1, 6)):
            texts.append(prompt + rng.integers(5, 60, size=rng.integers(1, 15)).tolist())
            keys.append(number)
        texts.append(list(texts[-1]))
        keys.append(number)
    texts.append(texts[0][:1])  # a text that is the beginning of its group's others
    keys.append(0)
    order = rng.permutation(len(texts))
    return [texts[i] for i in order], [keys[i] for i in order]


@pytest.mark.slow
@pytest.mark.parametrize("layer", [-1, 0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_states_are_those_of_each_text_alone(name, layer):
    model = build(name)
    texts, keys = some_texts()
    assert can_share(model)
    options = {"pooling": "last", "layer": layer, "progress": False}
    shared = embed(model, texts, groups=keys, batch_tokens=64, **options)
    alone = np.concatenate([embed(model, [t], batch_tokens=64, **options) for t in texts])
    np.testing.assert_allclose(shared, alone, atol=1e-5)
    assert alone.std() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 30, 4096])
def test_budgets_and_orders_change_nothing(budget):
    model = build("llama")
    texts, keys = some_texts(1)
    options = {"pooling": "last", "layer": -1, "progress": False}
    plain = embed(model, texts, batch_tokens=64, **options)
    shared = embed(model, texts, groups=keys, batch_tokens=budget, **options)
    np.testing.assert_allclose(shared, plain, atol=1e-5)
    back = embed(model, texts[::-1], groups=keys[::-1], batch_tokens=budget, **options)
    np.testing.assert_allclose(back[::-1], plain, atol=1e-5)


def test_texts_that_share_nothing_may_share_a_key():
    model = build("llama")
    texts = [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
    options = {"pooling": "last", "layer": -1, "batch_tokens": 64, "progress": False}
    one_key = embed(model, texts, groups=["same"] * 3, **options)
    np.testing.assert_allclose(one_key, embed(model, texts, **options), atol=1e-5)


def test_a_prompt_goes_through_the_model_once():
    model, seen = build("llama"), []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(int(kwargs["input_ids"].numel())),
        with_kwargs=True,
    )
    prompt = list(range(5, 45))
    texts = [[*prompt, answer] for answer in range(45, 53)]
    groups = group_texts(texts, [0] * 8)
    assert [(group.prefix, len(group.rows)) for group in groups] == [(40, 8)]
    states = list(last_states(model, texts, groups, layer=-1, budget=1024))
    assert sum(len(rows) for rows, _ in states) == 8
    assert sum(seen) == 48 == distinct_tokens(groups, [41] * 8)


@pytest.mark.slow
@given(
    st.lists(st.lists(st.integers(5, 7), min_size=1, max_size=6), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_groups_hold_every_row_once_and_share_their_prefix(texts, random):
    keys = [random.randrange(4) for _ in texts]
    groups = group_texts(texts, keys)
    assert sorted(row for group in groups for row in group.rows) == list(range(len(texts)))
    for group in groups:
        assert len({keys[row] for row in group.rows}) == 1
        prefixes = {tuple(texts[row][: group.prefix]) for row in group.rows}
        assert len(prefixes) == 1
        assert all(len(texts[row]) > group.prefix for row in group.rows)
        longer = {tuple(texts[row][: group.prefix + 1]) for row in group.rows}
        ends = any(len(texts[row]) == group.prefix + 1 for row in group.rows)
        assert len(group.rows) == 1 or len(longer) > 1 or ends


@pytest.mark.slow
def test_an_encoder_reads_every_text_whole_and_says_so(caplog):
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    shape = {name: value for name, value in SHAPE.items() if name != "num_key_value_heads"}
    model = BertModel(BertConfig(**shape)).eval()
    texts, keys = some_texts()
    options = {"pooling": "last", "layer": -1, "batch_tokens": 64, "progress": False}
    with caplog.at_level(logging.WARNING):
        got = embed(model, texts, groups=keys, **options)
    assert "BertModel: prompts are read again for every answer" in caplog.text
    np.testing.assert_allclose(got, embed(model, texts, **options), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Llama", "Qwen2", "Mistral", "GPT2"])
def test_gold_scores_are_the_classifiers_own(name):
    import transformers as t

    torch.manual_seed(0)
    config = getattr(t, f"{name}Config")
    shape = {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": 60, "pad_token_id": 0}
    config = config(**(shape if name == "GPT2" else SHAPE), num_labels=1)
    model = getattr(t, f"{name}ForSequenceClassification")(config).eval()
    texts, keys = some_texts(2)
    with torch.inference_mode():
        own = [model(input_ids=torch.tensor([text])).logits[0, 0].item() for text in texts]
    got = score(model, texts, batch_tokens=64, groups=keys)
    np.testing.assert_allclose(got, own, atol=1e-5)
    np.testing.assert_allclose(score(model, texts, batch_tokens=64), own, atol=1e-5)


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
    shared = embed(model.eval(), texts, groups=[0, 0, 1, 1], **options)
    np.testing.assert_allclose(shared, embed(model, texts, **options), atol=1e-5)


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
        assert not can_share(model)
    assert "follow the length of the whole text" in caplog.text


def test_a_model_whose_states_depend_on_the_split_is_not_shared(caplog):
    """Nothing fails, but the numbers are others: only the trial can tell."""
    model = build("llama")

    def more(module, args, kwargs, output):
        output.last_hidden_state = output.last_hidden_state + kwargs["input_ids"].shape[1]
        return output

    model.register_forward_hook(more, with_kwargs=True)
    with caplog.at_level(logging.WARNING):
        assert not can_share(model)
    assert "states differ by" in caplog.text


def test_other_pooling_reads_every_text_whole():
    model = build("llama")
    texts, keys = some_texts()
    for pooling in ("mean", "first"):
        options = {"pooling": pooling, "layer": -1, "batch_tokens": 64, "progress": False}
        got = embed(model, texts, groups=keys, **options)
        np.testing.assert_allclose(got, embed(model, texts, **options), atol=1e-6)


def test_a_classifier_with_more_than_a_linear_head_is_scored_whole(caplog):
    import transformers as t

    torch.manual_seed(0)
    model = t.LlamaForSequenceClassification(t.LlamaConfig(**SHAPE, num_labels=1)).eval()

    def squashed(module, args, kwargs, output):
        output.logits = output.logits + 1
        return output

    model.register_forward_hook(squashed, with_kwargs=True)
    texts, keys = some_texts(2)
    with caplog.at_level(logging.WARNING):
        got = score(model, texts, batch_tokens=64, groups=keys)
    assert "more than a linear head" in caplog.text
    np.testing.assert_allclose(got, score(model, texts, batch_tokens=64), atol=1e-5)


def test_no_batch_holds_more_than_the_budget():
    """Counting padding, and what stands before the answers in the cache."""
    model, held = build("llama"), []

    def look(module, args, kwargs):
        held.append(kwargs["attention_mask"].numel())

    model.register_forward_pre_hook(look, with_kwargs=True)
    texts, keys = some_texts()
    groups = group_texts(texts, keys)
    list(last_states(model, texts, groups, layer=-1, budget=60))
    assert 40 < max(held) <= 60
    rng = np.random.default_rng(0)
    alike = [Group([row], int(size)) for row, size in enumerate(rng.integers(1, 20, size=50))]
    portions = list(_portions(alike, 60))
    assert [group for portion in portions for group in portion] == alike
    assert all(sum(group.prefix for group in portion) <= 60 for portion in portions)


def test_a_text_that_lost_its_beginning_does_not_end_the_sharing_of_the_others():
    prompt = list(range(5, 45))
    texts = [[*prompt, 45 + i] for i in range(6)]
    texts[2:2] = [[5, *range(20, 45), 50], [5, *range(30, 45), 51]]  # cut on the left, but for BOS
    groups = group_texts(texts, [0] * 8)
    assert sorted((group.prefix, group.rows) for group in groups) == [
        (0, [2]),
        (0, [3]),
        (40, [0, 1, 4, 5, 6, 7]),
    ]


def test_empty_texts_leave_their_neighbours_alone():
    assert [group.prefix for group in group_texts([[], [5, 6], [5, 7]], [0, 0, 0])].count(1) == 1


def test_half_precision_is_shared_too():
    model = build("llama").to(torch.bfloat16)
    assert can_share(model)
    texts, keys = some_texts()
    options = {"pooling": "last", "layer": -1, "batch_tokens": 64, "progress": False}
    shared = embed(model, texts, groups=keys, **options)
    plain = embed(model, texts, **options)
    assert np.abs(shared - plain).max() < 0.05 * np.abs(plain).max()
