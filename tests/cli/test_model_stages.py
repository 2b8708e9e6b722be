"""Stages that load models or train on embeddings: what goes wrong is said, and where."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from lens.files.artifacts import sha256, write_arrays, write_table
from lens.files.embeddings import read_embedded


def prompt(text):
    return json.dumps([{"role": "user", "content": text}])


@pytest.fixture
def pairs(tmp_path):
    count = 30
    write_table(
        tmp_path / "pairs.parquet",
        pd.DataFrame(
            {
                "id": [f"row-{i}" for i in range(count)],
                "prompt": [prompt(f"w{i} w{i + 1}") for i in range(count)],
                "chosen": [f"w{i} w3" for i in range(count)],
                "rejected": [f"w{i} w4 w5" for i in range(count)],
                "group": [str(i) for i in range(count)],
                "split": ["train"] * 24 + ["test"] * 6,
            }
        ),
    )
    return tmp_path / "pairs.parquet"


@pytest.fixture
def candidates(tmp_path):
    write_table(
        tmp_path / "candidates.parquet",
        pd.DataFrame(
            {
                "prompt_id": ["a", "a"],
                "prompt": [prompt("w1")] * 2,
                "group": ["w1"] * 2,
                "candidate": [0, 1],
                "response": ["w2", "w3 w4"],
            }
        ),
    )
    return tmp_path / "candidates.parquet"


def embed(pairs, model, *more):
    out = pairs.parent / "embeddings.safetensors"
    return (
        *(
            f"embed-pairs --pairs {pairs} --model {model} --device cpu --out {out} --metrics "
            f"{pairs.parent}/metrics.json"
        ).split(),
        *more,
    )


def embedded(pairs):
    """Embeddings by side, [rows, features] each."""
    _, found = read_embedded(pairs, pairs.parent / "embeddings.safetensors")
    return {side: rows[:] for side, rows in found.items()}


def test_pairs_are_embedded_in_order(pairs, llama_folder, lens):
    lens(*embed(pairs, llama_folder, "--batch-tokens", 50))
    whole = embedded(pairs)
    assert whole["chosen"].shape == whole["rejected"].shape == (30, 16)
    metrics = json.loads((pairs.parent / "metrics.json").read_text())
    assert metrics["metrics"]["texts"] == 60
    assert metrics["inputs"]["rows"] == sha256(pairs)
    table = pd.read_parquet(pairs)
    write_table(pairs, table.iloc[::-1])
    lens(*embed(pairs, llama_folder, "--batch-tokens", 1))
    turned = embedded(pairs)
    np.testing.assert_allclose(turned["chosen"][::-1], whole["chosen"], atol=1e-5)


def test_a_missing_model_folder_is_named(pairs, tmp_path, fail):
    message = fail(*embed(pairs, tmp_path / "no-model"))
    assert "no-model: no such model folder or GGUF file. Check the path" in message
    (tmp_path / "empty").mkdir()
    assert "no config.json" in fail(*embed(pairs, tmp_path / "empty"))


def test_a_pair_longer_than_the_context_is_named(pairs, llama_folder, fail, lens):
    table = pd.read_parquet(pairs)
    table.loc[7, "rejected"] = " ".join(["w1"] * 80)
    write_table(pairs, table)
    message = fail(*embed(pairs, llama_folder))
    assert "pairs.parquet, id row-7, rejected" in message
    assert "the model reads 64" in message
    assert "cut_left" in message
    assert not (pairs.parent / "embeddings.safetensors").exists()
    lens(*embed(pairs, llama_folder, "--too-long", "cut_left"))
    metrics = json.loads((pairs.parent / "metrics.json").read_text())
    assert metrics["metrics"]["texts_shortened"] == 1


def test_embeddings_that_are_not_finite_are_named(pairs, llama_folder, tmp_path, fail):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in llama_folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = load_file(broken / "model.safetensors")
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"].copy()
    weights["model.embed_tokens.weight"][6 + 20] = np.nan  # the word w20
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    message = fail(*embed(pairs, broken))
    assert "id row-19, chosen is not finite" in message


def test_embeddings_too_large_for_their_number_format_are_named(
    pairs, llama_folder, fail, monkeypatch
):
    from lens.language.encoder import Encoder

    def far(self, token_ids, names, **more):
        return np.where(np.array(names)[:, None] == names[9], 3.4e38, 1.0).astype(np.float32)

    monkeypatch.setattr(Encoder, "embed_tokens", far)
    message = fail(*embed(pairs, llama_folder, "--precision", "fast"))
    assert "id row-4, rejected has the value 3.4e+38, too large for bfloat16 (1 of 60" in message
    assert not (pairs.parent / "embeddings.safetensors").exists()


def train(pairs, *more):
    folder = pairs.parent
    return (
        *(
            f"train-vae --pairs {pairs} --embeddings {folder}/embeddings.safetensors --n-pairs "
            f"20 --seeds 0 --epochs 1 --out-dir {folder}/vae"
        ).split(),
        *more,
    )


def test_training_refuses_embeddings_that_are_not_finite(pairs, fail):
    arrays = {side: np.ones((30, 4), np.float32) for side in ("chosen", "rejected")}
    arrays["rejected"][11, 2] = np.inf
    write_arrays(pairs.parent / "embeddings.safetensors", arrays, {"rows_sha256": sha256(pairs)})
    message = fail(*train(pairs))
    assert "rejected in row 12 (id row-11) is not finite" in message
    assert not (pairs.parent / "vae").exists()


def test_training_refuses_embeddings_of_another_table(pairs, fail):
    arrays = {side: np.ones((30, 4), np.float32) for side in ("chosen", "rejected")}
    write_arrays(pairs.parent / "embeddings.safetensors", arrays, {"rows_sha256": "other"})
    assert "was not made from" in fail(*train(pairs))


def test_more_pairs_than_there_are(pairs, fail):
    arrays = {side: np.ones((30, 4), np.float32) for side in ("chosen", "rejected")}
    write_arrays(pairs.parent / "embeddings.safetensors", arrays, {"rows_sha256": sha256(pairs)})
    assert "25 training pairs are asked for but only 24" in fail(*train(pairs, "--n-pairs", 25))


def score(candidates, model):
    folder = candidates.parent
    return (
        f"score-candidates --candidates {candidates} --model {model} --device cpu --out "
        f"{folder}/gold.parquet --metrics {folder}/gold.json"
    ).split()


def test_candidates_are_scored_once(candidates, gold_folder, lens):
    lens(*score(candidates, gold_folder))
    table = pd.read_parquet(candidates.parent / "gold.parquet")
    assert list(table) == ["prompt_id", "candidate", "gold"]
    assert table["gold"].nunique() == 2


def test_a_model_without_a_reward_head_cannot_judge(candidates, llama_folder, fail):
    message = fail(*score(candidates, llama_folder))
    assert "no trained weights for score.weight" in message


def test_generated_candidates_fill_the_table(tmp_path, llama_folder, lens, fail):
    write_table(
        tmp_path / "prompts.parquet",
        pd.DataFrame(
            {
                "prompt_id": ["a", "b"],
                "prompt": [prompt("w1"), prompt("w2 w3")],
                "group": ["w1", "w2 w3"],
            }
        ),
    )
    command = (
        f"generate-candidates --prompts {tmp_path}/prompts.parquet --model {llama_folder} "
        f"--device cpu --candidates 3 --out {tmp_path}/candidates.parquet --metrics "
        f"{tmp_path}/m.json"
    ).split()
    lens(*command, "--max-new-tokens", 5)
    table = pd.read_parquet(tmp_path / "candidates.parquet")
    assert list(table["prompt_id"]) == ["a"] * 3 + ["b"] * 3
    assert list(table["candidate"]) == [0, 1, 2] * 2
    assert "no room for prompts" in fail(*command, "--max-new-tokens", 64)


def test_pooling_layer_and_style_reach_the_model(pairs, llama_folder, lens):
    from transformers import AutoModel, AutoTokenizer

    from lens.language.embedding import embed as embed_texts
    from lens.language.templates import render

    lens(*embed(pairs, llama_folder, "--pooling", "mean", "--layer", 1, "--text-style", "plain"))
    got = embedded(pairs)["rejected"]
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    table = pd.read_parquet(pairs)
    texts = [
        render(prompt, answer, "plain", tokenizer)
        for prompt, answer in zip(table["prompt"], table["rejected"], strict=True)
    ]
    model = AutoModel.from_pretrained(llama_folder).eval()
    expected = embed_texts(
        model, tokenizer(texts)["input_ids"], pooling="mean", layer=1, batch_tokens=1
    )
    np.testing.assert_allclose(got, expected, atol=1e-5)


def write_pool(folder, embeddings):
    """Two answers to a prompt, and the options with which two seeds' models judge them."""
    who = pd.DataFrame({"prompt_id": ["a", "a"], "candidate": [0, 1]})
    texts = who.assign(prompt=prompt("w1"), group="w1", response=["w2", "w3 w4"])
    write_table(folder / "pool.parquet", texts)
    about = {"rows_sha256": sha256(folder / "pool.parquet")}
    write_arrays(folder / "pool.safetensors", {"candidates": embeddings}, about)
    write_table(folder / "gold.parquet", who.assign(gold=[0.0, 1.0]))
    models = f"--models {folder}/reward/seed_5.safetensors {folder}/reward/seed_6.safetensors"
    return (
        f"{models} --seeds 5 6 --pair-embeddings {folder}/embeddings.safetensors "
        f"--candidates {folder}/pool.parquet --candidate-embeddings {folder}/pool.safetensors "
        f"--gold {folder}/gold.parquet --dataset d --model m --method repeat --scale 2 "
        f"--n-pairs 24 --out-prompts {folder}/p.parquet --out-pairs {folder}/q.parquet "
        f"--metrics {folder}/judged.json"
    ).split()


def test_saved_reward_models_are_the_trained_ones_seed_by_seed(pairs, lens):
    """From the files alone: accuracies in metrics.json, and each judged seed is its own model."""
    from lens.reward.head import RewardHead, pair_accuracy

    folder, rng = pairs.parent, np.random.default_rng(0)
    arrays = {s: rng.normal(3, 2, (30, 4)).astype(np.float32) for s in ("chosen", "rejected")}
    write_arrays(folder / "embeddings.safetensors", arrays, {"rows_sha256": sha256(pairs)})
    lens(
        *f"train-reward --pairs {pairs} --embeddings {folder}/embeddings.safetensors "
        "--n-pairs 24 --seeds 5 6 --method repeat --scale 2 --epochs 3 "
        f"--validation-fraction 0.3 --out-dir {folder}/reward".split()
    )
    metrics = json.loads((folder / "reward/metrics.json").read_text())["metrics"]["by_seed"]
    models = {s: RewardHead.load(folder / f"reward/seed_{s}.safetensors") for s in (5, 6)}
    right = {
        s: pair_accuracy(m(arrays["chosen"]), m(arrays["rejected"])) for s, m in models.items()
    }
    for seed in (5, 6):
        shares = metrics[str(seed)]["pair_accuracy"]
        pairs_used = metrics[str(seed)]["pairs_per_epoch"] // 2
        overall = pairs_used * shares["train"] + (24 - pairs_used) * shares["validation"]
        assert overall == pytest.approx(right[seed][:24].sum())

    lens("best-of-n", "--pairs", pairs, *write_pool(folder, arrays["chosen"][:2]))
    judged = pd.read_parquet(folder / "q.parquet")
    for seed in (5, 6):
        assert list(judged.loc[judged["seed"] == seed, "correct"]) == list(right[seed][24:])
    assert list(right[5][24:]) != list(right[6][24:]), "the seeds must differ for this to tell"


def test_each_seed_trains_its_own_vae(pairs, lens):
    rng = np.random.default_rng(0)
    arrays = {s: rng.normal(size=(30, 4)).astype(np.float32) for s in ("chosen", "rejected")}
    write_arrays(pairs.parent / "embeddings.safetensors", arrays, {"rows_sha256": sha256(pairs)})
    command = list(train(pairs, "--learning-rate", 1e-30))
    command[command.index("--seeds") + 1] = 1
    command.insert(command.index("--seeds") + 2, 2)
    lens(*command)
    one, two = (load_file(pairs.parent / f"vae/seed_{seed}.safetensors") for seed in (1, 2))
    assert not np.allclose(one["trunk.both.0.weight"], two["trunk.both.0.weight"])
