"""The trainings behind the constants: sizes, budgets, the reference, and the truth beside it."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.latent.vae import train_vaes
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, training_set
from lens.theory import proxy, trainings
from tests.helpers.theory_points import simulated

SETTINGS = {
    "sizes": [40, 60, 500],
    "scales": [2],
    "seeds": [0, 1],
    "max_test_pairs": 30,
    "validation_fraction": 0.2,
    "delta": 0.05,
    "vae_steps": 12,
    "vae": {
        "hidden": 4,
        "latent": 2,
        "sharing": "shared_trunk_separate_heads",
        "beta": 1.0,
        "gamma": 0.1,
        "learning_rate": 1e-3,
        "batch_size": 16,
        "epochs": 2,
    },
    "head": {
        "hidden": 8,
        "learning_rate": 1e-2,
        "batch_size": 16,
        "epochs": 4,
        "patience": 2,
    },
    "synthesis": {
        "noise_variance": 0.01,
        "candidates_per_kept": 2,
        "perturbation_variance": 0.01,
    },
}


def world(count=140, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    embeddings = {
        "chosen": rng.normal(0.4, 1, size=(count, dim)).astype(np.float32),
        "rejected": rng.normal(-0.4, 1, size=(count, dim)).astype(np.float32),
    }
    pairs = pd.DataFrame(
        {
            "id": [str(i) for i in range(count)],
            "group": [str(i) for i in range(count)],
            "split": ["train"] * (count - 40) + ["test"] * 40,
        }
    )
    return pairs, embeddings


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return trainings.measure(*world(), **SETTINGS, folder=tmp_path_factory.mktemp("measured"))


@pytest.mark.slow
def test_every_size_scale_and_run_is_measured(measured):
    _, tables, metrics = measured
    assert metrics["sizes"] == [40, 60, 100]  # 500 is more than there are; all pairs are added
    estimation = tables["estimation"]
    variants = {("original", 1), ("repeat", 2), ("lens", 2)}
    assert set(zip(estimation["method"], estimation["scale"], strict=True)) == variants
    assert set(estimation["n_pairs"]) == {40, 60}
    assert len(estimation) == 3 * 2 * 2
    assert len(tables["theorem_1"]) == 3 * 2
    assert len(tables["reconstruction"]) == 3 * 2 * 2


@pytest.mark.slow
def test_estimation_error_is_the_test_loss_beyond_the_reference_s(measured):
    reference, tables, metrics = measured
    pairs, embeddings = world()
    test = np.flatnonzero(pairs["split"] == "test")[:30]
    gaps = reference(embeddings["chosen"][test]) - reference(embeddings["rejected"][test])
    loss = np.mean([-math.log(1 / (1 + math.exp(-gap))) for gap in gaps])
    assert metrics["reference_test_loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["test_pairs"] == 30
    rows = tables["estimation"]
    np.testing.assert_allclose(rows["error"], rows["test_loss"] - loss, atol=1e-6)
    assert (rows["standard_error"] > 0).all()


def test_tables_say_what_they_were_measured_on(measured):
    """VAEs of both budgets, errors in the reference's units: trained again, one by one."""
    reference, tables, _ = measured
    pairs, embeddings = world()
    test = np.flatnonzero(pairs["split"] == "test")[:30]
    rows = tables["reconstruction"].set_index(["n_pairs", "seed", "budget"])
    data = training_set(pairs, embeddings, n_pairs=60, seed=1, validation_fraction=0.2)
    for budget, epochs in (("epochs", 2), ("equal_steps", 2)):
        settings = {**SETTINGS["vae"], "epochs": epochs}
        if budget == "equal_steps":
            settings = trainings.equal_steps(settings, len(data.chosen), 12)
            assert settings["epochs"] != 2
        (vae,) = train_vaes(
            [(data.chosen, data.rejected)], seeds=[derive_seed(1, "vae")], **settings
        )
        square = 0.0
        for side in ("chosen", "rejected"):
            features = torch.from_numpy(data.standardiser(embeddings[side][test]))
            decoded = vae.decode(vae.encode(features, side)[0], side).detach()
            raw = (decoded - features).numpy() * data.standardiser.scale
            square += np.square(raw / reference.standardiser.scale).sum()
        assert rows.loc[(60, 1, budget), "mean_square"] == pytest.approx(square / 60, rel=1e-4)


@pytest.mark.slow
def test_every_synthetic_pair_is_listed(measured):
    _, tables, _ = measured
    pairs, summary = tables["theorem_1_pairs"], tables["theorem_1"]
    for _, row in summary.iterrows():
        own = pairs[(pairs["n_pairs"] == row["n_pairs"]) & (pairs["seed"] == row["seed"])]
        assert len(own) == row["pairs"]
        assert own["gap_synthetic"].mean() == pytest.approx(row["gap_synthetic"], abs=1e-6)
        assert own["as_stated_holds"].mean() == row["as_stated_holds"]


@pytest.mark.slow
def test_runs_repeat_bit_for_bit(measured, tmp_path):
    again = trainings.measure(*world(), **SETTINGS, folder=tmp_path)
    for name, table in measured[1].items():
        pd.testing.assert_frame_equal(table, again[1][name], check_exact=True)


@pytest.mark.slow
def test_test_pairs_train_nothing(measured, tmp_path):
    pairs, embeddings = world()
    test = pairs["split"] == "test"
    for side in embeddings:
        embeddings[side][test] = 7.0
    reference, tables, _ = trainings.measure(pairs, embeddings, **SETTINGS, folder=tmp_path)
    for name, value in reference.weights.items():
        assert np.array_equal(value, measured[0].weights[name])
    pd.testing.assert_frame_equal(tables["theorem_1"], measured[1]["theorem_1"])


def test_reconstruction_error_by_hand():
    from lens.latent.vae import VAE

    vae = VAE(2, 3, 1, "share_everything")
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()  # decodes to 0: the error is the embedding itself
    own = Standardiser(np.zeros(2, np.float32), np.full(2, 2.0, np.float32))
    unit = Standardiser(np.zeros(2, np.float32), np.full(2, 0.5, np.float32))
    embeddings = {
        "chosen": np.array([[3.0, 4.0], [0, 0]], np.float32),
        "rejected": np.array([[0.0, 1.0], [9, 9]], np.float32),
    }
    found = trainings.reconstruction_errors(vae, own, unit, embeddings, np.array([0]))
    # norms 5 and 1 in units of 0.5: 10 and 2
    assert found == pytest.approx({"mean_square": 52.0, "mean_norm": 6.0, "largest": 10.0})


def test_equal_steps_are_equal_at_every_size():
    for count in (100, 900, 5000):
        vae = trainings.equal_steps({"batch_size": 128, "epochs": 1}, count, 800)
        steps = vae["epochs"] * math.ceil(count / 128)
        assert abs(steps - 800) <= 0.5 * math.ceil(count / 128)


def test_too_few_sizes_are_named():
    with pytest.raises(LensError, match=r"fewer than two of the sizes .* are below the 100"):
        trainings.check_sizes([50, 100, 1000], 100)


def test_losses_by_hand():
    model = RewardHead(
        {"w": np.array([1.0], np.float32)},
        Standardiser(np.zeros(1, np.float32), np.ones(1, np.float32)),
    )
    embeddings = {
        "chosen": np.array([[2.0]], np.float32),
        "rejected": np.array([[0.5]], np.float32),
    }
    (loss,) = trainings.bradley_terry_losses(model, embeddings, np.array([0]))
    assert loss == pytest.approx(math.log(1 + math.exp(-1.5)))


def test_true_losses_are_those_of_the_labels_model():
    prompt = json.dumps([{"role": "user", "content": "we have a cat and a bun . which food ?"}])
    pairs = pd.DataFrame(
        {"prompt": [prompt], "chosen": ["you have buns ."], "rejected": ["you have cats ."]}
    )
    from lens.world.texts import true_reward

    text = "we have a cat and a bun . which food ?"
    gap = true_reward("dialogue", text, "you have buns .") - true_reward(
        "dialogue", text, "you have cats ."
    )
    assert gap > 0
    (loss,) = proxy.true_losses("dialogue", pairs, temperature=0.9)
    assert loss == pytest.approx(math.log(1 + math.exp(-gap / 0.9)))


def test_proxy_and_truth_differ_by_the_reference_s_own_error():
    points, decay = simulated(noise=0.02)
    points = points.assign(test_loss=points["error"] + 0.5)
    about = {"dim": 64, "delta": 0.05, "reference_test_loss": 0.5}
    found = proxy.compare(points, decay, about, np.array([0.3, 0.5]))
    assert found["error_of_the_reference"] == pytest.approx(0.1)
    for row in found["sizes"]:
        assert row["from_truth"] == pytest.approx(row["from_reference"] + 0.1)
    constants = found["constants"]
    assert constants["truth"]["C1"]["estimate"] > constants["reference"]["C1"]["estimate"]
    assert constants["truth"]["p"] == constants["reference"]["p"]
    assert "0.1000" in proxy.printed({"dialogue": found})[0].markdown()
