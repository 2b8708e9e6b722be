"""Reward models: the loss, the training path, the probes, scoring and saving."""

import copy
import io
import math
import re

import numpy as np
import pytest
import torch

from lens.core import stacked
from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.latent import synthesis
from lens.latent.generators import conditional, directed, flow, mixing, mixup, residual
from lens.latent.vae import VAE, save_vae
from lens.reward import methods, probes
from lens.reward import mlp as reward
from lens.reward.head import RewardHead, pair_accuracy
from lens.reward.training_set import Standardiser, training_set
from tests.helpers.embedded_pairs import linear_world
from tests.helpers.small_settings import HEAD, SYNTHESIS


def mlp(data, scale=1, seed=0, **changes):
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    composition = synthesis.compose(len(chosen), scale, seed)
    source = synthesis.originals(chosen, rejected)
    run = reward.Run(data, source, composition, seed)
    return reward.train_mlps([run], **{**HEAD, **changes})[0]


def train(method, data, *, seed, vae=None, **options):
    return methods.train(method, {seed: data}, vaes={seed: vae}, **options)[seed]


def test_loss_is_minus_log_sigmoid_of_the_difference():
    loss = reward.bradley_terry_loss(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    expected = [-math.log(1 / (1 + math.exp(-1))), -math.log(1 / (1 + math.exp(3)))]
    assert loss.tolist() == pytest.approx(expected, rel=1e-6)


def test_pair_accuracy_counts_a_tie_as_half():
    assert list(pair_accuracy(np.array([2.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0]))) == [1, 0, 0.5]


def test_mlp_learns_the_order(capsys):
    data, truth = linear_world()
    model = RewardHead(mlp(data).weights, data.standardiser)
    test, _ = linear_world(count=2000, seed=9)
    right = (test.chosen - test.rejected) @ truth > 0
    assert ((model(test.chosen) > model(test.rejected)) == right).mean() > 0.9


def test_best_epoch_is_kept_and_patience_ends_training():
    data, _ = linear_world(count=40, noise=5.0)
    result = mlp(data, epochs=60, learning_rate=0.05, patience=3)
    losses = result.metrics["validation_losses"]
    assert result.metrics["best_epoch"] == 1 + int(np.argmin(losses))
    assert len(losses) == result.metrics["best_epoch"] + 3 < 60
    model = RewardHead(result.weights, data.standardiser)
    margins = model(data.validation_chosen) - model(data.validation_rejected)
    assert np.logaddexp(0, -margins).mean() == pytest.approx(min(losses), rel=1e-4)


def test_repeat_takes_k_times_the_steps():
    data, _ = linear_world(count=70)
    once, thrice = (mlp(data, scale=k, epochs=2, patience=9).metrics for k in (1, 3))
    assert (once["steps"], thrice["steps"]) == (2 * 3, 2 * 7)  # the last batch is a part of one
    assert (once["epochs"], thrice["epochs"]) == (2, 2)
    assert thrice["pairs_per_epoch"] == 3 * 70


def test_of_epochs_with_equal_losses_the_first_counts():
    data, _ = linear_world(count=40)
    found = mlp(data, learning_rate=1e-30, epochs=9, patience=3).metrics
    assert len(set(found["validation_losses"])) == 1
    assert (found["best_epoch"], found["epochs"]) == (1, 4)


def test_a_bar_of_epochs_on_terminals_alone(monkeypatch, capsys):
    data, _ = linear_world(count=40)
    mlp(data, epochs=2)
    assert capsys.readouterr().err == ""  # a log
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    mlp(data, epochs=5)
    assert re.search(r"\rreward: .*/5 .*epoch[/\]]", screen.getvalue())
    assert screen.getvalue().endswith(" \r")  # wiped: there are many trainings


def test_every_pair_is_seen_once_an_epoch():
    data, _ = linear_world(count=20, validation=4)
    seen = []

    def source(side, rows, variants):
        seen.append((side, rows, variants))
        return torch.from_numpy(getattr(data, side))[rows]

    composition = synthesis.compose(20, 4, seed=0)
    reward.train_mlps([reward.Run(data, source, composition, 0)], **{**HEAD, "epochs": 1})
    chosen = torch.cat([torch.stack([r, v], 1) for side, r, v in seen if side == "chosen"])
    rejected = torch.cat([torch.stack([r, v], 1) for side, r, v in seen if side == "rejected"])
    assert torch.equal(chosen[:, 0], rejected[:, 0])  # never across triplets
    used = sorted(zip(*torch.cat([chosen, rejected[:, 1:]], dim=1).T.tolist(), strict=True))
    expected = sorted(
        (row, *map(int, pair)) for row, pairs in enumerate(composition) for pair in pairs
    )
    assert used == expected


def test_same_seed_same_bits_other_seed_other_weights():
    data, _ = linear_world(count=50)
    first, again, other = (mlp(data, seed=s, epochs=2).weights for s in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["w1"], other["w1"])


def test_an_exploding_loss_is_reported():
    data, _ = linear_world(count=40)
    data.validation_chosen[0, 0] = np.inf
    with pytest.raises(LensError, match="validation loss became"):
        mlp(data)


def test_runs_side_by_side_end_as_they_would_alone():
    """Counts and the epoch in which training ends differ from run to run."""
    sets = [linear_world(count=count, noise=5.0, seed=count)[0] for count in (64, 50, 20)]
    settings = {**HEAD, "epochs": 40, "patience": 3, "learning_rate": 0.03}
    trainings = methods.train(
        "repeat", dict(enumerate(sets)), scale=3, vaes={}, head=settings, settings=SYNTHESIS
    )
    ends = set()
    for seed, data in enumerate(sets):
        alone = train("repeat", data, seed=seed, scale=3, head=settings, settings=SYNTHESIS)
        ends.add(alone.metrics["epochs"])
        for name in ("w1", "b1", "w2"):  # b2 cancels in every pair: its steps are rounding errors
            np.testing.assert_allclose(
                trainings[seed].weights[name], alone.weights[name], atol=1e-5
            )
        assert trainings[seed].metrics["epochs"] == alone.metrics["epochs"]
        assert trainings[seed].metrics["steps"] == alone.metrics["steps"]
    assert len(ends) > 1


def test_training_is_plain_adam_on_the_bradley_terry_loss():
    """The loop written out with ordinary modules, as a reader of A.1 would."""
    data, _ = linear_world(count=50)
    torch.manual_seed(4)
    plain = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    generator = torch.Generator().manual_seed(4)
    optimiser = torch.optim.Adam(plain.parameters(), lr=HEAD["learning_rate"])
    for _ in range(3):
        for rows in torch.randperm(50, generator=generator).split(32):
            chosen, rejected = (torch.from_numpy(x[rows]) for x in (data.chosen, data.rejected))
            optimiser.zero_grad()
            (-torch.nn.functional.logsigmoid(plain(chosen) - plain(rejected))).mean().backward()
            optimiser.step()
    trained = mlp(data, seed=4, epochs=3)
    assert trained.metrics["best_epoch"] == 3
    np.testing.assert_allclose(plain[0].weight.detach().numpy(), trained.weights["w1"], atol=1e-6)


def test_a_centred_head_is_the_network_less_its_start():
    data, _ = linear_world(count=50)
    fresh = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)

    def rewards(**changes):
        return RewardHead(mlp(data, **changes).weights, data.standardiser)(fresh)

    still = {"learning_rate": 1e-30, "epochs": 1}
    np.testing.assert_allclose(rewards(centred=True, **still), 0, atol=1e-6)
    assert np.abs(rewards(**still)).max() > 0.01
    centred = mlp(data, centred=True, **still)
    assert centred.metrics["validation_loss"] == pytest.approx(math.log(2), abs=1e-6)
    trained = mlp(data, centred=True, epochs=4)
    half = len(trained.weights["b1"]) // 2
    network = {name: value[:half] for name, value in trained.weights.items() if name != "b2"}
    start = mlp(data, **still).weights
    np.testing.assert_allclose(trained.weights["w1"][half:], start["w1"], atol=1e-6)
    np.testing.assert_allclose(trained.weights["w2"][half:], -start["w2"], atol=1e-6)
    assert not np.allclose(network["w1"], start["w1"])
    model = RewardHead(trained.weights, data.standardiser)
    margins = model(data.validation_chosen) - model(data.validation_rejected)
    loss = np.logaddexp(0, -margins).mean()
    assert loss == pytest.approx(min(trained.metrics["validation_losses"]), rel=1e-4)


def test_centred_training_is_plain_adam_on_margins_less_the_start_s():
    data, _ = linear_world(count=50)
    torch.manual_seed(4)
    plain = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    start = copy.deepcopy(plain)
    generator = torch.Generator().manual_seed(4)
    optimiser = torch.optim.Adam(plain.parameters(), lr=HEAD["learning_rate"])
    for _ in range(3):
        for rows in torch.randperm(50, generator=generator).split(32):
            chosen, rejected = (torch.from_numpy(x[rows]) for x in (data.chosen, data.rejected))
            with torch.no_grad():
                before = start(chosen) - start(rejected)
            optimiser.zero_grad()
            margins = plain(chosen) - plain(rejected) - before
            (-torch.nn.functional.logsigmoid(margins)).mean().backward()
            optimiser.step()
    trained = mlp(data, seed=4, epochs=3, centred=True)
    assert trained.metrics["best_epoch"] == 3
    expected = torch.cat([plain[0].weight, start[0].weight]).detach().numpy()
    np.testing.assert_allclose(trained.weights["w1"], expected, atol=1e-6)


def test_weights_are_stacked_anew_only_when_a_run_has_ended(monkeypatch):
    kept, keep = [], stacked.Stack.keep
    monkeypatch.setattr(
        stacked.Stack, "keep", lambda stack, runs: (kept.append(list(runs)), keep(stack, runs))
    )
    data, _ = linear_world(count=40)
    mlp(data, epochs=4, patience=9)
    assert kept == [[0]]


def test_centred_runs_side_by_side_end_as_they_would_alone():
    sets = [linear_world(count=count, noise=5.0, seed=count)[0] for count in (64, 20)]
    head = {**HEAD, "epochs": 40, "patience": 3, "learning_rate": 0.03, "centred": True}
    options = {"scale": 3, "head": head, "settings": SYNTHESIS}
    together = methods.train("repeat", dict(enumerate(sets)), vaes={}, **options)
    for seed, data in enumerate(sets):
        alone = train("repeat", data, seed=seed, **options)
        assert together[seed].metrics["epochs"] == alone.metrics["epochs"]
        for name in ("w1", "b1", "w2"):
            np.testing.assert_allclose(together[seed].weights[name], alone.weights[name], atol=1e-5)


def test_mean_difference_by_hand():
    data, _ = linear_world(count=5, validation=2)
    both = np.concatenate(
        [data.chosen - data.rejected, data.validation_chosen - data.validation_rejected]
    )
    np.testing.assert_allclose(
        probes.mean_difference(data).weights["w"], both.sum(0) / 7, rtol=1e-5
    )


def test_logistic_fit_meets_its_first_order_condition():
    data, _ = linear_world()
    differences, penalty = (data.chosen - data.rejected).astype(np.float64), 0.05
    weights = probes.fit_logistic(differences, penalty)
    probability_wrong = 1 / (1 + np.exp(differences @ weights))
    gradient = -(differences * probability_wrong[:, None]).mean(axis=0) + penalty * weights
    assert np.abs(gradient).max() < 1e-4


def test_linear_probe_regularises_more_where_labels_are_noise():
    clear, truth = linear_world(count=400, noise=0.3)
    probe = probes.linear_probe(clear)
    cosine = probe.weights["w"] @ truth
    cosine /= np.linalg.norm(probe.weights["w"]) * np.linalg.norm(truth)
    assert cosine > 0.97
    pure_noise, _ = linear_world(count=60, dim=40, noise=1e9)
    assert probes.linear_probe(pure_noise).metrics["penalty"] > probe.metrics["penalty"]


@pytest.mark.parametrize("method", methods.METHODS)
def test_every_method_trains_and_follows_its_seed(method):
    data, _ = linear_world(count=60)
    torch.manual_seed(0)
    options = {
        "scale": 4 if method in methods.SYNTHETIC else 1,
        "vae": VAE(6, 8, 2, "shared_trunk_separate_heads"),
        "head": {**HEAD, "epochs": 2},
        "settings": SYNTHESIS,
    }
    first, again, other = (train(method, data, seed=seed, **options).weights for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    if method not in (*methods.PROBES, "lens_plus"):  # closed form, where no network has a share
        assert any(not np.array_equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("method", methods.SYNTHETIC)
def test_a_method_is_its_source_on_the_one_training_path(method):
    """What `methods.train` does, put together by hand: source, composition, seeds, settings."""
    data, _ = linear_world(count=60)
    pairs = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    torch.manual_seed(0)
    vae, seed = VAE(6, 8, 2, "separate_everything"), derive_seed(3, "synthesis")
    latents, alone = (
        synthesis.lens_latents(
            vae, *pairs, keep=keep, candidates_per_kept=5, noise_variance=0.3, seed=seed
        )
        for keep in (2, 3)
    )
    noise = {"noise_variance": 0.7, "seed": seed}
    own = [derive_seed(3, method)]
    sources = {
        "repeat": lambda: synthesis.originals(*pairs),
        "lens": lambda: synthesis.Decoded(vae, *pairs, latents),
        "synthetic_only": lambda: synthesis.Decoded(vae, *pairs, alone),
        "residual_decoding": lambda: residual.residual_decoding(vae, *pairs, latents),
        "posterior_noise": lambda: residual.posterior_noise(vae, *pairs, widening=2.5, seed=seed),
        "latent_mixing": lambda: mixing.latent_mixing(vae, *pairs, mixed=7, seed=seed),
        "latent_flow": lambda: flow.latent_flow(
            vae,
            flow.train_flows([flow.latent_pairs(vae, *pairs)], seeds=own)[0],
            *pairs,
            seed=seed,
        ),
        "conditional_sampling": lambda: conditional.conditional_sampling(
            conditional.train_conditional_vaes([pairs], seeds=own)[0], *pairs, seed=seed
        ),
        "difference_mixing": lambda: mixing.difference_mixing(*pairs, mixed=7, seed=seed),
        "mixup": lambda: mixup.mixup(*pairs, seed=seed),
        "gaussian_sampling": lambda: synthesis.gaussian_sampling(*pairs, seed=seed),
        "direct_perturbation": lambda: synthesis.direct_perturbation(*pairs, **noise),
        "heavy_tailed": lambda: directed.heavy_tailed(*pairs, **noise),
        "along_preference": lambda: directed.along_preference(*pairs, **noise),
        "across_preference": lambda: directed.across_preference(*pairs, **noise),
    }
    composition = {
        "difference_mixing": mixing.compose_mixtures(60, 8),
        "latent_mixing": mixing.compose_mixtures(60, 8),
        "conditional_sampling": mixing.compose_mixtures(60, 8),
        "mixup": mixup.compose_coupled(60, 8),
        "latent_flow": mixup.compose_coupled(60, 8),
        "synthetic_only": synthesis.compose_synthetic(60, 8, derive_seed(3, "compose")),
    }.get(method, synthesis.compose(60, 8, derive_seed(3, "compose")))
    head = {**HEAD, "epochs": 2}
    run = reward.Run(data, sources[method](), composition, derive_seed(3, "head"))
    expected = reward.train_mlps([run], **head)[0]
    settings = {
        "noise_variance": 0.3,
        "candidates_per_kept": 5,
        "perturbation_variance": 0.7,
        "mixed_differences": 7,
        "posterior_widening": 2.5,
    }
    got = train(method, data, scale=8, seed=3, vae=vae, settings=settings, head=head)
    assert all(np.array_equal(got.weights[name], expected.weights[name]) for name in got.weights)
    assert got.metrics == expected.metrics


def test_initial_weights_and_order_follow_the_seed():
    data, _ = linear_world(count=50)
    still = {"learning_rate": 1e-30, "epochs": 1}
    first, other = (mlp(data, seed=seed, **still).weights["w1"] for seed in (0, 1))
    assert not np.allclose(first, other)


def test_methods_of_one_seed_start_alike():
    data, _ = linear_world(count=60)
    options = {
        "scale": 4,
        "settings": SYNTHESIS,
        "head": {**HEAD, "learning_rate": 1e-30, "epochs": 1},
    }
    repeat = train("repeat", data, seed=0, **options).weights
    noisy = train("direct_perturbation", data, seed=0, **options).weights
    assert all(np.array_equal(repeat[name], noisy[name]) for name in repeat)


def test_unknown_methods_and_scales_are_named():
    data, _ = linear_world(count=10)
    options = {"seed": 0, "head": HEAD, "settings": SYNTHESIS}
    with pytest.raises(LensError, match="'shuffling' is none of"):
        train("shuffling", data, scale=1, **options)
    with pytest.raises(LensError, match="called repeat"):
        train("original", data, scale=2, **options)


def test_numpy_scores_equal_torch_and_survive_saving(tmp_path):
    data, _ = linear_world(count=50)
    rng = np.random.default_rng(0)
    standardiser = Standardiser.fit(rng.normal(3, 2, size=(30, 6)).astype(np.float32))
    weights = mlp(data, epochs=2).weights
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    network.load_state_dict(
        {
            "0.weight": torch.tensor(weights["w1"]),
            "0.bias": torch.tensor(weights["b1"]),
            "2.weight": torch.tensor(weights["w2"])[None],
            "2.bias": torch.tensor(weights["b2"])[None],
        }
    )
    raw = rng.normal(size=(4, 5, 6)).astype(np.float32)
    model = RewardHead(weights, standardiser)
    with torch.no_grad():
        expected = network(torch.from_numpy(standardiser(raw))).squeeze(-1).numpy()
    np.testing.assert_allclose(model(raw), expected, atol=1e-5)
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(RewardHead.load(tmp_path / "model.safetensors")(raw), model(raw))
    with pytest.raises(LensError, match="3 features"):
        model(raw[..., :3])


def test_other_files_are_no_reward_model(tmp_path):
    save_vae(tmp_path / "vae.safetensors", VAE(6, 8, 2, "share_everything"))
    with pytest.raises(LensError, match="not a LENS reward model"):
        RewardHead.load(tmp_path / "vae.safetensors")


def pair_table(count=100):
    import pandas as pd

    return pd.DataFrame(
        {
            "id": [str(i) for i in range(count)],
            "group": [str(i // 2) for i in range(count)],
            "split": ["train"] * (count - 20) + ["test"] * 20,
        }
    )


def test_training_set_spends_n_pairs_and_keeps_prompts_apart():
    pairs, rng = pair_table(), np.random.default_rng(0)
    embeddings = {
        side: rng.normal(5, 3, size=(100, 4)).astype(np.float32) for side in ("chosen", "rejected")
    }
    data = training_set(pairs, embeddings, n_pairs=60, seed=1, validation_fraction=0.2)
    used = np.concatenate([data.rows, data.validation_rows])
    assert len(used) == len(set(used)) == 60
    assert used.max() < 80  # no test pair
    assert not set(data.groups) & set(data.validation_groups)
    assert 8 <= len(data.validation_rows) <= 16
    # standardised on all N pairs, both sides together
    everything = np.concatenate(
        [data.chosen, data.rejected, data.validation_chosen, data.validation_rejected]
    )
    np.testing.assert_allclose(everything.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(everything.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(
        data.chosen, data.standardiser(embeddings["chosen"][data.rows]), atol=1e-6
    )


def test_each_seed_draws_its_own_pairs_and_validation_pairs():
    pairs = pair_table()
    noise = np.random.default_rng(0).normal(size=(2, 100, 2)).astype(np.float32)
    embeddings = dict(zip(("chosen", "rejected"), noise, strict=True))
    options = {"n_pairs": 60, "validation_fraction": 0.2}
    first, again, other = (training_set(pairs, embeddings, seed=s, **options) for s in (0, 0, 1))
    assert np.array_equal(first.rows, again.rows)
    drawn = [set(d.rows) | set(d.validation_rows) for d in (first, other)]
    assert drawn[0] != drawn[1]
    everything = {"n_pairs": 80, "validation_fraction": 0.2}
    held = [training_set(pairs, embeddings, seed=s, **everything).validation_rows for s in (0, 1)]
    assert set(held[0]) != set(held[1])


def test_a_feature_that_never_varies_stays_finite():
    constant = np.ones((10, 2), np.float32)
    assert np.array_equal(Standardiser.fit(constant)(constant), np.zeros((10, 2)))
