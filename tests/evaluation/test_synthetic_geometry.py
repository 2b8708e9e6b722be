"""Synthetic embeddings among real ones: neighbours, moves and orders that are known."""

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.evaluation import synthetic_geometry
from lens.latent.vae import VAE
from lens.reward import methods, mlp
from lens.reward.head import RewardHead
from lens.reward.training_set import Training
from tests.helpers.geometry import SYNTHESIS, made_up, standardiser, training


def test_nearest_by_hand():
    points = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [10.0, 10.0]])
    distances, places = synthetic_geometry.nearest(
        torch.tensor([[0.0, 0.0], [10.0, 9.0]]), points, 3
    )
    assert places[0].tolist() == [0, 1, 2]
    np.testing.assert_allclose(distances[0], [0, 3, 4])
    assert places[1, 0] == 3
    assert distances[1, 0] == 1
    left, found = synthetic_geometry.nearest(points, points, 1, leave_out=np.arange(4))
    np.testing.assert_allclose(left[:3, 0], [3, 3, 4])
    assert found[:3, 0].tolist() == [1, 0, 0]


def test_nearest_in_blocks_is_nearest_and_keeps_small_distances(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(37, 5, generator=generator)
    queries = torch.randn(23, 5, generator=generator)
    monkeypatch.setattr(synthetic_geometry, "BLOCK", 100)  # two queries at a time
    distances, places = synthetic_geometry.nearest(queries, points, 4)
    whole = torch.cdist(queries.double(), points.double()).numpy()
    np.testing.assert_array_equal(places, whole.argsort(axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(whole, axis=1)[:, :4], rtol=1e-5)
    far = torch.tensor([[4096.0, 0.0]])
    distances, _ = synthetic_geometry.nearest(far + torch.tensor([[0.0, 2.0**-10]]), far, 1)
    assert distances[0, 0] == 2.0**-10  # |a|^2 - 2 a.b + |b|^2 gives 0 in float32


def test_spread_is_that_of_all_pairs_and_counts_directions():
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + 2
    spread = synthetic_geometry.Spread(3)
    for part in points.split(20):
        spread.add(part)
    all_pairs = torch.cdist(points.double(), points.double()).square().mean().sqrt().item()
    assert spread.measures()["rms_distance"] == pytest.approx(all_pairs, rel=1e-5)
    for directions in (1, 2, 3):
        spread = synthetic_geometry.Spread(3)
        spread.add(torch.cat([torch.eye(3)[:directions], -torch.eye(3)[:directions]]))
        assert spread.measures()["participation_ratio"] == pytest.approx(directions)


DATA = training([[1, 0], [1, 20]], [[-1, 0], [-1, 20]])  # the reward is the first coordinate


REFERENCE = RewardHead({"w": np.float32([1, 0])}, standardiser(2))


def looked(move):
    """What `inspect` finds where `move` says how each side's embeddings are changed."""
    sides = {"chosen": torch.from_numpy(DATA.chosen), "rejected": torch.from_numpy(DATA.rejected)}

    def source(side, rows, variants):
        return move(side, sides[side][rows])

    return synthetic_geometry.inspect(
        source, DATA, synthetic_geometry.Real.of(DATA), REFERENCE, scale=2
    )[0]


def test_what_stays_is_nearest_to_itself_and_keeps_its_order():
    table = looked(lambda side, points: points)
    assert (table["moved"] == 0).all()
    assert table["nearest_is_own"].all()
    assert table["nearest_same_side"].all()
    assert (table["nearest_row"] == table["row"]).all()
    assert set(table["row"]) == {10, 11}  # rows of the pair table, not places
    gaps = synthetic_geometry.pair_gaps(table)
    assert gaps["gap_before"].tolist() == gaps["gap_after"].tolist() == [2, 2]
    assert gaps["order_kept"].all()


def test_a_pair_whose_sides_change_places_loses_its_order():
    table = looked(lambda side, points: points * torch.tensor([-1.0, 1.0]))
    assert (table["moved"] == 2).all()
    assert (table["nearest_distance"] == 0).all()
    assert not table["nearest_is_own"].any()
    assert not table["nearest_same_side"].any()
    gaps = synthetic_geometry.pair_gaps(table)
    assert gaps["gap_after"].tolist() == [-2, -2]
    assert not gaps["order_kept"].any()


def test_a_response_may_end_nearer_to_another_pair():
    table = looked(lambda side, points: points + torch.tensor([0.0, 15.0]))
    first = table[table["row"] == 10]
    assert (first["moved"] == 15).all()
    assert (first["nearest_distance"] == 5).all()
    assert (first["nearest_row"] == 11).all()
    assert first["nearest_same_side"].all()
    assert synthetic_geometry.pair_gaps(table)["order_kept"].all()


def test_rewards_are_taken_in_the_units_of_the_language_model():
    data = training([[1, 0]], [[0, 1]], standardiser(2, mean=5.0, scale=3.0))
    reference = RewardHead({"w": np.float32([2, 1])}, standardiser(2, mean=1.0, scale=0.5))
    found = synthetic_geometry.rewards(reference, data, torch.from_numpy(data.chosen))
    np.testing.assert_allclose(found, reference(np.float32([[8, 5]])))


def test_held_out_responses_are_measured_from_the_training_responses():
    embeddings = {"chosen": np.float32([[1, 3]]), "rejected": np.float32([[-1, 16]])}
    table, _ = synthetic_geometry.inspect_held_out(
        embeddings, np.array([0]), DATA, synthetic_geometry.Real.of(DATA), REFERENCE
    )
    assert table["nearest_distance"].tolist() == [3, 4]
    assert table["nearest_row"].tolist() == [10, 11]
    assert table["reward"].tolist() == [1, -1]


def test_synthetic_embeddings_are_those_of_training(monkeypatch):
    rng = np.random.default_rng(0)
    data = training(*rng.normal(size=(2, 6, 3)))
    torch.manual_seed(0)
    vae, caught = VAE(3, 8, 2, "shared_trunk_separate_heads"), {}

    def catch(runs, **_):
        caught["source"] = runs[0].source
        return [Training({}, {})]

    monkeypatch.setattr(mlp, "train_mlps", catch)
    names = ["lens", "direct_perturbation", "gaussian_sampling"]
    sources = synthetic_geometry.make_sources(
        names, data, scale=8, vae=vae, settings=SYNTHESIS, seed=5
    )
    rows = torch.arange(6)
    for name in names:
        methods.train(name, {5: data}, scale=8, vaes={5: vae}, settings=SYNTHESIS, head={})
        for side in ("chosen", "rejected"):
            for variant in (1, 2):
                where = side, rows, torch.full_like(rows, variant)
                assert torch.equal(sources[name](*where), caught["source"](*where))
    with pytest.raises(LensError, match="give lens and any of"):
        synthetic_geometry.make_sources(
            ["repeat"], data, scale=8, vae=vae, settings=SYNTHESIS, seed=5
        )


def test_examples_follow_their_rules():
    table = made_up([5.0, 9.0, 7.0], flipped=(2, 1))
    found = synthetic_geometry.telling(table, synthetic_geometry.pair_gaps(table))
    assert found == {
        "median move": (2, 1),  # of 0, 0, 0, 5, 7, 9 the third: the last rejected response
        "largest move": (1, 1),
        "first pair of the table whose reward order flipped": (1, 1),
    }
    table = made_up([5.0, 9.0])
    assert len(synthetic_geometry.telling(table, synthetic_geometry.pair_gaps(table))) == 2
