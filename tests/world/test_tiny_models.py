"""The tiny models: their tokenizer, that training moves and repeats, that folders load again."""

import json

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from lens.cli import main
from lens.world import tiny_models

pytestmark = pytest.mark.slow

SHAPE = ["--hidden", "16", "--layers", "1", "--heads", "2"]
PROMPT, RESPONSE = "we have a cat and a bun . which food ?", "sure , you have buns ."


def train_base(world, out, seed=0, steps=60):
    options = [*SHAPE, "--steps", str(steps), "--batch-size", "16", "--seed", str(seed)]
    files = ["--corpus", str(world / "corpus.jsonl"), "--metrics", str(out / "metrics.json")]
    main(["train-base-model", *options, *files, "--out", str(out)])
    return out


def train_gold(world, base, out, seed=0, steps=60):
    options = ["--steps", str(steps), "--batch-size", "16", "--seed", str(seed)]
    files = ["--corpus", str(world / "gold_corpus.jsonl"), "--metrics", str(out / "metrics.json")]
    main(["train-gold-model", "--base", str(base), *options, *files, "--out", str(out)])
    return out


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    sizes = ["--pairs", "1", "--corpus", "400", "--gold-corpus", "400"]
    main(["build-world", "--out", str(folder), *sizes])
    return folder


@pytest.fixture(scope="module")
def base(world, tmp_path_factory):
    return train_base(world, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def gold(world, base, tmp_path_factory):
    return train_gold(world, base, tmp_path_factory.mktemp("gold"))


@pytest.fixture(scope="module")
def tokenizer(base):
    return AutoTokenizer.from_pretrained(base)


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())["metrics"]


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_chat_has_one_beginning_and_ends_in_eos(tokenizer):
    [ids] = tiny_models.chat_token_ids(tokenizer, [{"prompt": PROMPT, "response": RESPONSE}])
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.eos_token_id) == 1
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids) == f"<bos> {PROMPT} <assistant> {RESPONSE} <end>"


def test_generation_prompt_is_the_beginning_of_the_chat(tokenizer):
    user = [{"role": "user", "content": PROMPT}]
    whole = [*user, {"role": "assistant", "content": RESPONSE}]
    asking = tokenizer.apply_chat_template(user, tokenize=False, add_generation_prompt=True)
    assert asking == f"<bos> {PROMPT} <assistant>"
    assert tokenizer.apply_chat_template(whole, tokenize=False) == f"{asking} {RESPONSE} <end>"


def test_more_turns_and_a_system_message_do_not_crash(tokenizer):
    turns = [("system", "we have"), ("user", "a"), ("assistant", "cats ."), ("user", "bun ?")]
    chat = [{"role": role, "content": content} for role, content in turns]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<bos> we have a <assistant> cats . <end> bun ? <assistant>"


def test_words_come_back(tokenizer):
    ids = tokenizer(RESPONSE, add_special_tokens=False)["input_ids"]
    assert len(ids) == len(RESPONSE.split())
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode([*ids, tokenizer.eos_token_id], skip_special_tokens=True) == RESPONSE


def test_training_learns(base, gold):
    assert metrics(base)["last_loss"] < 0.8 * metrics(base)["first_loss"]
    assert metrics(gold)["last_loss"] < metrics(gold)["first_loss"]
    held_out = metrics(gold)["held_out"]
    assert set(held_out) == {"dialogue", "summary"}
    assert all(part["n"] == 20 and 0 <= part["order_accuracy"] <= 1 for part in held_out.values())


def test_training_moves_parameters(world, base, gold, tmp_path):
    start = AutoModelForCausalLM.from_pretrained(train_base(world, tmp_path / "one", steps=1))
    end = AutoModelForCausalLM.from_pretrained(base)
    for (name, before), after in zip(start.named_parameters(), end.parameters(), strict=True):
        assert not torch.equal(before, after), name
    body = AutoModelForSequenceClassification.from_pretrained(gold).model
    for before, after in zip(end.model.parameters(), body.parameters(), strict=True):
        assert not torch.equal(before, after)


def test_same_seed_same_weights(world, base, gold, tmp_path):
    assert weights(train_base(world, tmp_path / "base")) == weights(base)
    assert weights(train_gold(world, base, tmp_path / "gold")) == weights(gold)
    assert weights(train_base(world, tmp_path / "other", seed=1, steps=1)) != weights(base)


def test_folders_load_again(base, gold, tokenizer):
    ids = torch.tensor([tokenizer(PROMPT)["input_ids"]])
    model = AutoModelForCausalLM.from_pretrained(base)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert AutoModel.from_pretrained(base)(ids).last_hidden_state.shape == (1, ids.shape[1], 16)
    judge = AutoModelForSequenceClassification.from_pretrained(gold)
    assert judge.config.num_labels == 1
    assert judge(ids).logits.shape == (1, 1)
    assert AutoTokenizer.from_pretrained(gold).get_vocab() == tokenizer.get_vocab()


def test_batches_pass_over_every_row():
    lengths = [1 + row % 7 for row in range(50)]
    parts = list(tiny_models.batches(lengths, size=8, steps=14, seed=0))
    assert sorted(row for part in parts[:7] for row in part) == list(range(50))
    assert parts[:7] != parts[7:]


def test_agreement_by_hand():
    found = tiny_models.agreement(["a"] * 4, np.array([0.0, 1, 1, 2]), np.array([0.0, 2, 1, 1.5]))
    assert found["a"]["order_accuracy"] == pytest.approx(4 / 5)
    assert found["a"]["spearman"] == pytest.approx(3 / np.sqrt(4.5 * 5))
    assert found["a"]["n"] == 4


def test_wrong_input_is_explained(tmp_path, base, fail):
    out = ["--out", tmp_path / "out", "--metrics", tmp_path / "metrics.json"]
    missing = tmp_path / "nowhere.jsonl"
    assert str(missing) in fail("train-base-model", "--corpus", missing, *out)
    assert str(missing) in fail("train-gold-model", "--base", base, "--corpus", missing, *out)
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps({"prompt": "a"}) + "\n")
    assert "row 1: column response" in fail("train-base-model", "--corpus", bad, *out)
    bad.write_text(json.dumps({"prompt": "a", "response": "b " * 200}) + "\n")
    assert "204 tokens" in fail("train-base-model", "--corpus", bad, *out)
    heads = ["--hidden", 10, "--heads", 4]
    assert "hidden 10" in fail("train-base-model", "--corpus", bad, *heads, *out)
