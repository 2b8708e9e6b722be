"""Training the reward MLP: the loss, the one path, early stopping, seeds side by side."""

import copy
import io
import math
import re

import numpy as np
import pytest
import torch

from lens.core import stacked
from lens.core.errors import LensError
from lens.latent import synthesis
from lens.reward import factored_batches, methods, mlp
from lens.reward.head import RewardHead
from tests.helpers.linear_world import HEAD, SYNTHESIS, linear_world, train, train_mlp


def test_loss_is_minus_log_sigmoid_of_the_difference():
    loss = mlp.bradley_terry_loss(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    expected = [-math.log(1 / (1 + math.exp(-1))), -math.log(1 / (1 + math.exp(3)))]
    assert loss.tolist() == pytest.approx(expected, rel=1e-6)


def test_mlp_learns_the_order(capsys):
    data, truth = linear_world()
    model = RewardHead(train_mlp(data).weights, data.standardiser)
    test, _ = linear_world(count=2000, seed=9)
    right = (test.chosen - test.rejected) @ truth > 0
    assert ((model(test.chosen) > model(test.rejected)) == right).mean() > 0.9


def test_best_epoch_is_kept_and_patience_ends_training():
    data, _ = linear_world(count=40, noise=5.0)
    result = train_mlp(data, epochs=60, learning_rate=0.05, patience=3)
    losses = result.metrics["validation_losses"]
    assert result.metrics["best_epoch"] == 1 + int(np.argmin(losses))
    assert len(losses) == result.metrics["best_epoch"] + 3 < 60
    model = RewardHead(result.weights, data.standardiser)
    margins = model(data.validation_chosen) - model(data.validation_rejected)
    assert np.logaddexp(0, -margins).mean() == pytest.approx(min(losses), rel=1e-4)


def test_repeat_takes_k_times_the_steps():
    data, _ = linear_world(count=70)
    once, thrice = (train_mlp(data, scale=k, epochs=2, patience=9).metrics for k in (1, 3))
    assert (once["steps"], thrice["steps"]) == (2 * 3, 2 * 7)  # the last batch is a part of one
    assert (once["epochs"], thrice["epochs"]) == (2, 2)
    assert thrice["pairs_per_epoch"] == 3 * 70


def test_of_epochs_with_equal_losses_the_first_counts():
    data, _ = linear_world(count=40)
    found = train_mlp(data, learning_rate=1e-30, epochs=9, patience=3).metrics
    assert len(set(found["validation_losses"])) == 1
    assert (found["best_epoch"], found["epochs"]) == (1, 4)


def test_a_bar_of_epochs_on_terminals_alone(monkeypatch, capsys):
    data, _ = linear_world(count=40)
    train_mlp(data, epochs=2)
    assert capsys.readouterr().err == ""  # a log
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    train_mlp(data, epochs=5)
    assert re.search(r"\rreward: .*/5 .*epoch[/\]]", screen.getvalue())
    assert screen.getvalue().endswith(" \r")  # wiped: there are many trainings


def test_every_pair_is_seen_once_an_epoch(monkeypatch):
    monkeypatch.setattr(factored_batches, "KEPT", 0)
    data, _ = linear_world(count=20, validation=4)
    seen = []

    def source(side, rows, variants):
        seen.append((side, rows, variants))
        return torch.from_numpy(getattr(data, side))[rows]

    composition = synthesis.compose(20, 4, seed=0)
    mlp.train_mlps([mlp.Run(data, source, composition, 0)], **{**HEAD, "epochs": 1})
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
    first, again, other = (train_mlp(data, seed=s, epochs=2).weights for s in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["w1"], other["w1"])


def test_an_exploding_loss_is_reported():
    data, _ = linear_world(count=40)
    data.validation_chosen[0, 0] = np.inf
    with pytest.raises(LensError, match="validation loss became"):
        train_mlp(data)


@pytest.mark.slow
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
    trained = train_mlp(data, seed=4, epochs=3)
    assert trained.metrics["best_epoch"] == 3
    np.testing.assert_allclose(plain[0].weight.detach().numpy(), trained.weights["w1"], atol=1e-6)


def test_a_centred_head_is_the_network_less_its_start():
    data, _ = linear_world(count=50)
    fresh = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)

    def rewards(**changes):
        return RewardHead(train_mlp(data, **changes).weights, data.standardiser)(fresh)

    still = {"learning_rate": 1e-30, "epochs": 1}
    np.testing.assert_allclose(rewards(centred=True, **still), 0, atol=1e-6)
    assert np.abs(rewards(**still)).max() > 0.01
    centred = train_mlp(data, centred=True, **still)
    assert centred.metrics["validation_loss"] == pytest.approx(math.log(2), abs=1e-6)
    trained = train_mlp(data, centred=True, epochs=4)
    half = len(trained.weights["b1"]) // 2
    network = {name: value[:half] for name, value in trained.weights.items() if name != "b2"}
    start = train_mlp(data, **still).weights
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
    trained = train_mlp(data, seed=4, epochs=3, centred=True)
    assert trained.metrics["best_epoch"] == 3
    expected = torch.cat([plain[0].weight, start[0].weight]).detach().numpy()
    np.testing.assert_allclose(trained.weights["w1"], expected, atol=1e-6)


def test_weights_are_stacked_anew_only_when_a_run_has_ended(monkeypatch):
    kept, keep = [], stacked.Stack.keep
    monkeypatch.setattr(
        stacked.Stack, "keep", lambda stack, runs: (kept.append(list(runs)), keep(stack, runs))
    )
    data, _ = linear_world(count=40)
    train_mlp(data, epochs=4, patience=9)
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


def test_initial_weights_and_order_follow_the_seed():
    data, _ = linear_world(count=50)
    still = {"learning_rate": 1e-30, "epochs": 1}
    first, other = (train_mlp(data, seed=seed, **still).weights["w1"] for seed in (0, 1))
    assert not np.allclose(first, other)
