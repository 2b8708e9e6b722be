"""Sampling candidates: the right distribution, and independence of the batch."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lens.language.generation import generate

PROMPTS = [[1, 4, 10, 2, 5], [1, 4, 11, 12, 13, 2, 5], [1, 4, 20, 21, 2, 5]]
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def model_and_tokenizer(llama_folder):
    model = AutoModelForCausalLM.from_pretrained(llama_folder).eval()
    return model, AutoTokenizer.from_pretrained(llama_folder)


def sample(model_and_tokenizer, prompts=PROMPTS, names=NAMES, **changes):
    options = {
        "candidates": 4,
        "seed": 0,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 8,
        "batch_size": 64,
    }
    return generate(*model_and_tokenizer, prompts, names, **{**options, **changes})


def test_answers_do_not_depend_on_the_batch(model_and_tokenizer):
    whole = sample(model_and_tokenizer)
    assert sample(model_and_tokenizer, batch_size=1) == whole
    assert sample(model_and_tokenizer, batch_size=5) == whole
    assert sample(model_and_tokenizer, PROMPTS[::-1], NAMES[::-1]) == whole[::-1]
    assert sample(model_and_tokenizer, PROMPTS[1:2], NAMES[1:2]) == whole[1:2]


def test_answers_follow_the_seed_and_differ_among_themselves(model_and_tokenizer):
    whole = sample(model_and_tokenizer)
    assert sample(model_and_tokenizer) == whole
    assert sample(model_and_tokenizer, seed=1) != whole
    assert all(len(set(answers)) > 1 for answers in whole)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_token_is_drawn_from_the_softmax(model_and_tokenizer, temperature):
    model, tokenizer = model_and_tokenizer
    count = 4000
    (answers,) = sample(
        model_and_tokenizer,
        PROMPTS[:1],
        NAMES[:1],
        candidates=count,
        max_new_tokens=1,
        temperature=temperature,
        batch_size=1000,
    )
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor(PROMPTS[:1])).logits[0, -1]
    expected = (logits / temperature).softmax(dim=0)
    words = tokenizer.convert_ids_to_tokens(range(len(expected)))
    written = [answer.text for answer in answers]
    for word, probability in zip(words, expected.tolist(), strict=True):
        if not word.startswith("<") and probability > 0.02:
            assert written.count(word) / count == pytest.approx(probability, abs=0.035)


def test_a_small_nucleus_is_greedy(model_and_tokenizer):
    for answers in sample(model_and_tokenizer, top_p=1e-6):
        assert len(set(answers)) == 1


def test_no_answer_is_longer_than_asked(model_and_tokenizer):
    answers = sample(model_and_tokenizer, max_new_tokens=3)
    assert max(len(one.text.split()) for row in answers for one in row) <= 3
    assert not any("<" in one.text for row in answers for one in row)


def test_an_answer_is_finished_where_more_tokens_would_not_change_it(model_and_tokenizer):
    short, long = (
        [one for row in sample(model_and_tokenizer, max_new_tokens=most) for one in row]
        for most in (6, 60)
    )
    assert {one.finished for one in short} == {True, False}
    for one, other in zip(short, long, strict=True):
        assert other.text.startswith(one.text)
        assert one == other if one.finished else len(other.text) > len(one.text) or other.finished


def test_a_model_s_own_sampling_defaults_do_not_creep_in(model_and_tokenizer):
    """Llama and Qwen ship temperature, top-p and repetition penalty in generation_config.json."""
    from copy import deepcopy

    model, tokenizer = model_and_tokenizer
    opinionated = deepcopy(model)
    opinionated.generation_config.update(
        do_sample=True, temperature=0.1, top_k=1, top_p=0.1, repetition_penalty=5.0
    )
    assert sample((opinionated, tokenizer)) == sample(model_and_tokenizer)


def test_a_prompt_is_read_once_and_ended_answers_make_room(model_and_tokenizer):
    """Six answers to each prompt in four slots: steps are of the answers under way alone."""
    model, _ = model_and_tokenizer
    sample(model_and_tokenizer)  # the trial run
    seen = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    try:
        answers = sample(model_and_tokenizer, candidates=6, batch_size=4, max_new_tokens=20)
    finally:
        hook.remove()
    prompt_tokens = sum(count for count in seen if count > 4)
    assert prompt_tokens <= sum(map(len, PROMPTS))
    lengths = [len(one.text.split()) for row in answers for one in row]
    assert min(lengths) < 18, "some answers end early"
    assert sum(count for count in seen if count <= 4) <= sum(lengths) + 18


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_answers_are_those_of_transformers_own_loop(model_and_tokenizer, monkeypatch, temperature):
    from lens.language import generation

    options = {"max_new_tokens": 30, "temperature": temperature, "candidates": 7, "batch_size": 5}
    ours = sample(model_and_tokenizer, **options)
    monkeypatch.setattr(generation, "can_pack", lambda model: False)
    assert sample(model_and_tokenizer, **options) == ours
    assert len({text for row in ours for text in row}) > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Mistral", "Gemma2", "Qwen3", "GPT2"])
def test_other_architectures_write_what_their_own_loop_does(name):
    """Sliding windows of 6 tokens, soft caps, learned positions; slots fill and are emptied."""
    import transformers as t

    from lens.language.packed.writing import write

    torch.manual_seed(0)
    shape = {
        "vocab_size": 60,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "tie_word_embeddings": False,
    }
    if name == "GPT2":
        shape = {
            "vocab_size": 60,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "initializer_range": 0.3,
        }
    if name in ("Gemma2", "Qwen3"):
        shape["head_dim"] = 8
    if name in ("Mistral", "Gemma2"):
        shape["sliding_window"] = 6
    kind = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
    model = getattr(t, f"{name}{kind}")(getattr(t, f"{name}Config")(**shape)).eval()
    generator = torch.Generator().manual_seed(0)
    prompts = [
        torch.randint(5, 60, (size,), generator=generator).tolist() for size in (3, 12, 7, 12, 1, 9)
    ]

    def greedy(logits, jobs, steps):
        return logits.argmax(dim=-1).tolist()

    ends = set(range(5, 15))
    found = write(model, prompts, range(6), greedy, ends=ends, most=25, slots=2)
    for prompt, answer in zip(prompts, found, strict=True):
        ids, expected = list(prompt), []
        while len(expected) < 25 and not (expected and expected[-1] in ends):
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
            expected.append(int(logits.argmax()))
            ids.append(expected[-1])
        assert answer == expected
    assert len({len(answer) for answer in found}) > 1
