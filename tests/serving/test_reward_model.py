"""A reward model for texts: scores, folders, other people's tools."""

import json
import pickle

import numpy as np
import pytest
import torch

import lens as lens_api
from lens.advice.fit import fit
from lens.core.errors import LensError
from lens.reward.head import RewardHead
from lens.reward.recipes import Recipe
from lens.reward.training_set import Standardiser
from lens.serving.reward_model import RewardModel, calibrated
from tests.helpers.word_pairs import some_rows


def test_scores_are_the_heads_rewards_of_the_pairs_embeddings(model, data):
    rows = some_rows()
    scores = model.score([r["prompt"] for r in rows], [r["chosen"] for r in rows])
    np.testing.assert_allclose(scores, model.head(data.chosen), atol=1e-4)


def test_a_score_depends_on_its_own_text_alone(saved):
    rows = some_rows(40, seed=1)
    prompts, answers = [r["prompt"] for r in rows], [r["chosen"] for r in rows]
    whole = RewardModel.load(saved).score(prompts, answers)
    small = RewardModel.load(saved, batch_tokens=16).score(prompts, answers)
    backwards = RewardModel.load(saved).score(prompts[::-1], answers[::-1])[::-1]
    alone = RewardModel.load(saved)
    alone = np.array([alone.score([p], [a])[0] for p, a in zip(prompts, answers, strict=True)])
    for other in (small, backwards, alone):
        np.testing.assert_allclose(other, whole, atol=1e-5)
    assert whole.std() > 0.01


def test_prompts_may_be_texts_messages_or_transcripts(model):
    forms = [
        "w1 w2",
        [{"role": "user", "content": "w1 w2"}],
        "\n\nHuman: w1 w2\n\nAssistant:",
    ]
    answers = ["w3", [{"role": "assistant", "content": "w3"}], " w3 "]
    scores = model.score(forms, answers)
    np.testing.assert_allclose(scores, scores[0], atol=1e-5)


def test_an_empty_answer_has_a_score_and_no_texts_have_none(model):
    assert np.isfinite(model.score(["w1"], [""])).all()
    assert model.score([], []).shape == (0,)
    assert model.best_of([], []) == []


def test_probability_is_the_sigmoid_of_the_difference(model):
    first, second = model.score(["w1", "w1"], ["w2 w3", "w30 w31"])
    [probability] = model.probability(["w1"], ["w2 w3"], ["w30 w31"])
    assert probability == pytest.approx(1 / (1 + np.exp(second - first)), abs=1e-6)
    [other] = model.probability(["w1"], ["w30 w31"], ["w2 w3"])
    assert probability + other == pytest.approx(1, abs=1e-6)


def test_best_of_takes_the_highest_reward_of_each_prompt(model):
    pools = [["w1", "w20 w21", "w5 w6"], ["w30"], ["w3", "w3"]]
    prompts = ["w7", "w8", "w9"]
    best = model.best_of(prompts, pools)
    for prompt, pool, place in zip(prompts, pools, best, strict=True):
        scores = model.score([prompt] * len(pool), pool)
        assert scores[place] == pytest.approx(scores.max(), abs=1e-6)
    assert best[1:] == [0, 0]
    with pytest.raises(LensError, match="prompt 2 has no candidates"):
        model.best_of(["w1", "w2"], [["w3"], []])


def test_loaded_is_as_saved(model, saved):
    loaded = RewardModel.load(saved)
    prompts, answers = ["w1", "w2 w3"], ["w4", "w5"]
    np.testing.assert_array_equal(loaded.score(prompts, answers), model.score(prompts, answers))
    assert loaded.card == json.loads(json.dumps(model.card))
    assert sorted(p.name for p in saved.iterdir()) == [
        "README.md",
        "config.json",
        "reward.safetensors",
    ]


def test_the_card_says_what_it_is_and_leaks_no_path(model, saved, llama_folder):
    card = (saved / "README.md").read_text()
    held = model.card["held_out"]
    assert f"{100 * held['accuracy']['mean']:.1f} [" in card
    assert f"{100 * held['calibration_error']:.1f}" in card
    for words in ("60 pairs", "`lens fit`", "torch"):
        assert words in card
    assert str(llama_folder.parent) not in card


def test_another_encoder_is_noticed(saved, gold_folder, bert_folder):
    with pytest.raises(LensError, match="not the encoder that this reward model was trained"):
        RewardModel.load(saved, model=str(gold_folder)).score(["w1"], ["w2"])
    with pytest.raises(LensError, match="no chat template"):
        RewardModel.load(saved, model=str(bert_folder)).score(["w1"], ["w2"])


def test_a_moved_encoder_is_found_where_the_user_says(saved, llama_folder, tmp_path):
    moved = tmp_path / "moved"
    moved.symlink_to(llama_folder)
    scores = RewardModel.load(saved, model=str(moved)).score(["w1"], ["w2"])
    np.testing.assert_array_equal(scores, RewardModel.load(saved).score(["w1"], ["w2"]))


def test_folders_that_hold_no_reward_model(tmp_path, llama_folder):
    with pytest.raises(LensError, match="no such folder"):
        RewardModel.load(tmp_path / "none")
    with pytest.raises(LensError, match=r"no config\.json"):
        RewardModel.load(tmp_path)
    with pytest.raises(LensError, match="not a reward model of `lens fit`"):
        RewardModel.load(llama_folder)


def test_imported_embeddings_have_no_texts_to_score(data, tmp_path):
    data = type(data)(data.table, data.chosen, data.rejected, None, data.report)
    model = fit(data, Recipe("mean_difference"))
    model.save(tmp_path / "m")
    loaded = RewardModel.load(tmp_path / "m")
    with pytest.raises(LensError, match="knows no encoder"):
        loaded.score(["w1"], ["w2"])
    got = loaded.score_embeddings(np.stack([data.chosen, data.rejected], axis=1))
    assert got.shape == (60, 2)
    assert (got[:, 0] > got[:, 1]).mean() > 0.6


def test_temperature_divides_rewards_and_a_linear_reward_loses_only_its_shift():
    rng = np.random.default_rng(0)
    standardiser = Standardiser(
        rng.normal(size=3).astype(np.float32), np.array([1, 2, 4], np.float32)
    )
    linear = RewardHead({"w": np.array([1, -2, 3], np.float32)}, standardiser)
    mlp = RewardHead(
        {
            "w1": rng.normal(size=(5, 3)).astype(np.float32),
            "b1": rng.normal(size=5).astype(np.float32),
            "w2": rng.normal(size=5).astype(np.float32),
            "b2": np.float32(0.3),
        },
        standardiser,
    )
    both = RewardHead(linear.weights | mlp.weights, standardiser)
    e = rng.normal(size=(20, 3)).astype(np.float32)
    for head in (mlp, both):
        np.testing.assert_allclose(calibrated(head, 2.5)(e), head(e) / 2.5, atol=1e-5)
    shifted = calibrated(linear, 2.5)(e)
    np.testing.assert_allclose(shifted - shifted[0], (linear(e) - linear(e)[0]) / 2.5, atol=1e-5)
    np.testing.assert_allclose(shifted, e / [1, 2, 4] @ [1, -2, 3] / 2.5, atol=1e-5)


def test_it_can_be_pickled_and_is_no_module(model):
    assert not isinstance(model, torch.nn.Module)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.encoder._loaded is None
    np.testing.assert_array_equal(copy.score(["w1"], ["w2"]), model.score(["w1"], ["w2"]))


@pytest.mark.parametrize("chat", [True, False])
def test_trl_trains_with_it(saved, llama_folder, tmp_path, chat):
    """Two steps of GRPO by the real trainer: rewards are ours, and parameters move."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    rewards = []
    reward_model = RewardModel.load(saved, device="cpu")

    def watch(prompts, completions, **more):
        rewards.append((prompts, completions, reward_model(prompts, completions, **more)))
        return rewards[-1][2]

    prompt = [{"role": "user", "content": "w1 w2"}] if chat else "w1 w2"
    policy = AutoModelForCausalLM.from_pretrained(llama_folder)
    before = {name: value.detach().clone() for name, value in policy.named_parameters()}
    trainer = GRPOTrainer(
        model=policy,
        reward_funcs=[reward_model, watch],
        train_dataset=Dataset.from_list([{"prompt": prompt}] * 8),
        processing_class=AutoTokenizer.from_pretrained(llama_folder),
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=2,
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=6,
            learning_rate=0.05,
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
        ),
    )
    trainer.train()
    assert any(not torch.equal(before[name], value) for name, value in policy.named_parameters())
    logged = [entry for entry in trainer.state.log_history if "rewards/lens_reward/mean" in entry]
    assert len(logged) == 2
    for entry, (_, _, own) in zip(logged, rewards, strict=True):
        assert entry["rewards/lens_reward/mean"] == pytest.approx(np.mean(own), abs=1e-4)
        assert [type(value) for value in own] == [float] * 4


def test_the_package_offers_its_names_and_no_others():
    assert lens_api.RewardModel is RewardModel
    for name in lens_api.__all__:
        assert callable(getattr(lens_api, name)), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lens_api.nothing


def test_a_strangers_model_runs_no_code_unasked(saved, tmp_path, fail):
    import shutil

    shutil.copytree(saved, tmp_path / "evil")
    config = json.loads((saved / "config.json").read_text())
    config["encoder"]["trust_remote_code"] = True
    (tmp_path / "evil/config.json").write_text(json.dumps(config))
    with pytest.raises(LensError, match="runs code that comes with it"):
        RewardModel.load(tmp_path / "evil")
    assert "--trust-remote-code" in fail("score", tmp_path / "evil", tmp_path / "none.jsonl")
    assert RewardModel.load(tmp_path / "evil", trust_remote_code=True).encoder.trust_remote_code


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "config.json").write_text('{"model_type": "lens-reward"}'),
        lambda folder: (folder / "reward.safetensors").write_bytes(b"x" * 100),
    ],
)
def test_a_damaged_folder_is_called_damaged(saved, tmp_path, damage):
    import shutil

    shutil.copytree(saved, tmp_path / "m")
    damage(tmp_path / "m")
    with pytest.raises(LensError, match="damaged, or of another version"):
        RewardModel.load(tmp_path / "m")


def test_responses_may_be_what_agents_write(model):
    """Several messages (the last counts), none content, parts of text."""
    plain = model.score(["w1"] * 2, ["w2 w3", ""])
    tool = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "w9"},
        {"role": "assistant", "content": [{"type": "text", "text": "w2 w3"}]},
    ]
    parts = [{"role": "user", "content": [{"type": "text", "text": "w1"}]}]
    got = model.score(["w1", parts], [tool, [{"role": "assistant", "content": None}]])
    np.testing.assert_allclose(got, plain, atol=1e-5)


@pytest.mark.parametrize(
    ("prompts", "responses", "message"),
    [
        (["w1"], [None], "text 1: a response must be text"),
        (["w1", "w1"], ["w2", 3], "text 2: a response must be text"),
        (["w1"], ["\ud83d"], "half a character"),
        ("w1", "w2", "are lists"),
        (["w1"], ["w2", "w3"], "1 prompts, but 2 responses"),
    ],
)
def test_what_is_no_text_gets_a_sentence(model, prompts, responses, message):
    with pytest.raises(LensError, match=message):
        model.score(prompts, responses)


def test_probabilities_need_two_answers_each(model):
    with pytest.raises(LensError, match="2 first responses, but 1 second ones"):
        model.probability(["w1"], ["w2", "w3"], ["w4"])


def test_a_copy_checks_its_encoder_again(model):
    model.score(["w1"], ["w2"])
    assert model._checked
    assert not pickle.loads(pickle.dumps(model))._checked


def test_pessimism_needs_errors_at_once(model):
    older = RewardModel(model.head, None, model.card)
    with pytest.raises(LensError, match="saved without standard errors"):
        older.pessimistic(1.0)
    assert older.pessimistic(0.0).pessimism == 0
