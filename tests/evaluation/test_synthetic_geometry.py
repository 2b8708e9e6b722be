"""Figure 3 and the inspector: points whose neighbours, moves and orders are known."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lens.cli import main
from lens.core.errors import LensError
from lens.evaluation import latent_space, synthetic_geometry
from lens.files import artifacts
from lens.latent.vae import VAE, save_vae
from lens.paper import figure_3, inspector
from lens.reward import methods, mlp
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, TrainingSet

NASTY = "<script>alert(1)</script> | `a` ```\n# not a heading **b** & 100 % \\x {y}"
FIRST = np.array([1, 0, 0, 0])
SYNTHESIS = {
    "noise_variance": 0.01,
    "candidates_per_kept": 4,
    "perturbation_variance": 0.01,
    "complement_noise": 10.0,
}


def standardiser(dim, mean=0.0, scale=1.0):
    return Standardiser(np.full(dim, mean, np.float32), np.full(dim, scale, np.float32))


def training(chosen, rejected, unit=None):
    chosen, rejected = np.float32(chosen), np.float32(rejected)
    count, dim = chosen.shape
    none, rows = np.zeros((0, dim), np.float32), np.arange(10, 10 + count)
    return TrainingSet(
        chosen, rejected, none, none, unit or standardiser(dim), rows, rows[:0], rows, rows[:0]
    )


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
        return [None]

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


def made_up(moved, flipped=()):
    """A table of `inspect` for as many pairs as there are moves of their chosen responses."""
    rows = [
        {
            "row": row,
            "variant": 1,
            "side": side,
            "moved": move if side == "chosen" else 0.0,
            "reward_before": float(side == "chosen"),
            "reward": float((side == "chosen") != (row in flipped)),
        }
        for row, move in enumerate(moved)
        for side in ("chosen", "rejected")
    ]
    return pd.DataFrame(rows)


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


def test_the_plane_points_from_rejected_to_chosen():
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(200, 4)) * [0.1, 0.1, 3.0, 0.1]
    chosen, rejected = cloud + FIRST, cloud - FIRST
    plane = latent_space.class_plane(chosen, rejected)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.axes[0], [1, 0, 0, 0], atol=1e-12)
    assert plane.axes[1, 2] > 0.99
    other = latent_space.class_plane(rejected, chosen)
    np.testing.assert_allclose(other.axes[0], -plane.axes[0], atol=1e-12)
    flat = np.concatenate([chosen, rejected]) * [1, 0, 1, 0]
    assert latent_space.share_in_plane(plane, flat) == pytest.approx(1, abs=1e-3)
    with pytest.raises(LensError, match="the same mean"):
        latent_space.class_plane(cloud, cloud)


def vae_of(mean_heads):
    """A VAE [2 features, 2 latents] whose posterior mean is, by side, (weight, bias) of relu(e)."""
    vae = VAE(2, 2, 2, "shared_trunk_separate_heads")
    with torch.no_grad():
        vae.trunk["both"][0].weight.copy_(torch.eye(2))
        vae.trunk["both"][0].bias.zero_()
        for side, (weight, bias) in mean_heads.items():
            vae.mean_head[side].weight.copy_(weight * torch.eye(2))
            vae.mean_head[side].bias.copy_(torch.tensor([bias, 0.0]))
    return vae


PAIRS = {
    "chosen": np.float32([[2, 1], [3, 1], [1, 1], [4, 1]]),
    "rejected": np.float32([[1, 1], [2, 2], [3, 2], [1, 1]]),
}  # chosen above rejected along the first feature in three of four pairs


def test_heads_of_their_own_can_order_pairs_without_reading_them():
    blind = vae_of({"chosen": (0.0, 1.0), "rejected": (0.0, -1.0)})
    plane = latent_space.Plane(np.zeros(2), np.eye(2))
    found = latent_space.orders(blind, plane, PAIRS, PAIRS)
    assert found["own_heads"].tolist() == [1, 1, 1, 1]
    assert found["same_head"].tolist() == [0.5] * 4  # ties: nothing is known
    reading = vae_of({"chosen": (1.0, 0.0), "rejected": (1.0, 0.0)})
    found = latent_space.orders(reading, plane, PAIRS, PAIRS)
    assert found["own_heads"].tolist() == found["same_head"].tolist() == [1, 1, 0, 1]
    against = vae_of({"chosen": (-1.0, 0.0), "rejected": (-1.0, 0.0)})
    assert latent_space.orders(against, plane, PAIRS, PAIRS)["same_head"].tolist() == [0, 0, 1, 0]
    assert latent_space.mean_difference_orders(PAIRS, PAIRS).tolist() == [1, 1, 0, 1]


def test_claims_of_figure_3_hold_every_gamma_against_the_smallest():
    order = np.tile(np.linspace(0, 1, 9), (3, 1))
    flat = {"wasserstein2": np.ones((3, 9)), "same_head": order}
    apart = {"wasserstein2": np.full((3, 9), 3.0), "same_head": order}
    rows = figure_3.claims({0.5: apart, 0.0: flat})
    assert [row["ours"] for row in rows] == [2, 0]
    assert [row["kind"] for row in rows] == ["claim", "own"]
    assert "gamma = 0.5 above 0" in rows[0]["what"]
    assert figure_3.claims({0.1: flat}) == []


def write_embedded(folder, name, table, arrays):
    """A table and its embeddings, made for each other."""
    artifacts.write_table(folder / f"{name}.parquet", table)
    about = {"rows_sha256": artifacts.sha256(folder / f"{name}.parquet")}
    arrays = {key: np.float32(value) for key, value in arrays.items()}
    artifacts.write_arrays(folder / f"{name}.safetensors", arrays, about)
    return [str(folder / f"{name}.{suffix}") for suffix in ("parquet", "safetensors")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Pairs whose texts hold markup, their embeddings, a VAE and a reference reward."""
    folder, rng = tmp_path_factory.mktemp("inspected"), np.random.default_rng(0)
    count = 60
    pairs = pd.DataFrame(
        {
            "id": [f"pair-{i}" for i in range(count)],
            "prompt": [json.dumps([{"role": "user", "content": NASTY}])] * count,
            "chosen": [f"{NASTY} chosen {i}" for i in range(count)],
            "rejected": [f"{NASTY} rejected {i}" for i in range(count)],
            "group": [f"group {i}" for i in range(count)],
            "split": ["train"] * 40 + ["test"] * 20,
        }
    )
    base = rng.normal(size=(count, 4))
    files = write_embedded(
        folder, "pairs", pairs, {"chosen": base + FIRST, "rejected": base - FIRST}
    )
    torch.manual_seed(0)
    save_vae(folder / "vae.safetensors", VAE(4, 8, 2, "shared_trunk_separate_heads"))
    RewardHead({"w": np.float32([1, 0, 0, 0])}, standardiser(4)).save(folder / "reference")
    return folder, files


def run(*arguments):
    main(list(map(str, arguments)))


@pytest.mark.slow
def test_the_inspector_from_pairs_to_page(world, tmp_path):
    folder, (pairs, embeddings) = world
    run(
        "inspect-synthetic",
        "--pairs",
        pairs,
        "--embeddings",
        embeddings,
        "--n-pairs",
        30,
        "--seed",
        0,
        "--methods",
        "lens",
        "direct_perturbation",
        "--scale",
        4,
        "--synthesis",
        json.dumps(SYNTHESIS),
        "--vae",
        folder / "vae.safetensors",
        "--reference",
        folder / "reference",
        "--dataset",
        "d",
        "--model",
        "m",
        "--out-dir",
        tmp_path / "in",
    )
    run("inspector", "--inspected", tmp_path / "in", "--out-dir", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/inspector.csv").set_index(["method", "measure"])
    moved = table.loc[("direct_perturbation", "moved"), "mean"]
    assert moved == pytest.approx(0.1 * np.sqrt(4), rel=0.15)  # variance 0.01 a feature
    assert table.loc[("direct_perturbation", "order_kept"), "mean"] == 1  # gap 2, noise 0.1
    assert table.loc[("direct_perturbation", "far"), "mean"] == 0
    assert table.loc[("direct_perturbation", "different_nearest"), "mean"] == 2 * 27  # its own
    assert table.loc[("held_out", "labelled_order"), "mean"] == 1
    assert np.isnan(table.loc[("held_out", "moved"), "mean"])
    assert table.loc[("lens", "rms_distance"), "mean"] < 0.7  # an untrained decoder says little
    seen = pd.read_csv(tmp_path / "out/inspector_observations.csv")
    counts = seen.groupby("method").size()
    assert counts["held_out"] == 40
    assert counts["lens"] == counts["direct_perturbation"] == 2 * 27  # one a response, N = 30
    page = (tmp_path / "out/inspector.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    text = (tmp_path / "out/inspector.md").read_text()
    assert "\n````text\n<script>" in text  # inside a fence that the text's own cannot end
    assert r"\textless{}script\textgreater{}" in (tmp_path / "out/inspector.tex").read_text()
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"out/inspector.{suffix}").stat().st_size > 1000
    settings = artifacts.read_json(tmp_path / "out/inspector_settings.json")
    assert settings["settings"]["inspected_with"]["synthesis"] == SYNTHESIS


def test_numbers_are_the_papers_for_its_dataset_and_model_alone():
    table = inspector.observations(
        made_up([1.0, 2.0, 3.0])
        .rename(columns={"row": "id"})
        .assign(method="lens", nearest_distance=1.0),
        far=2.0,
    )
    about, names = {"dataset": "d", "model": "m"}, {"d": "hh_rlhf", "m": "llama-3.1-8b"}
    told = inspector.compared(table, about, names, True).set_index("what")
    kept = told.loc["share of pairs whose reward order held"]
    assert (kept["ours"], kept["reported"], kept["verdict"]) == (1, 0.939, "differs")
    assert told.loc["reward gap of the synthetic pairs above 0", "verdict"] == "agrees"
    for others, comparable in (({}, True), (names, False)):
        numbers = inspector.compared(table, about, others, comparable)
        numbers = numbers[numbers["kind"] == "number"]
        assert (numbers["verdict"] == "not comparable").all()


def test_far_is_further_than_the_data_are_from_one_another():
    table = made_up([0.0, 0.0]).rename(columns={"row": "id"})
    table = table.assign(method="lens", nearest_distance=[1.0, 2.0, 2.5, 0.0])
    assert inspector.observations(table, far=2.0)["far"].tolist() == [False, False, True, False]


@pytest.mark.slow
def test_figure_3_from_pairs_to_picture(world, tmp_path):
    folder, (pairs, embeddings) = world
    vae = folder / "vae.safetensors"
    run(
        "figure-3",
        "--pairs",
        pairs,
        "--embeddings",
        embeddings,
        "--n-pairs",
        30,
        "--seeds",
        0,
        1,
        "--gammas",
        0.5,
        0,
        "--vaes",
        vae,
        vae,
        vae,
        vae,
        "--dataset",
        "d",
        "--model",
        "m",
        "--out-dir",
        tmp_path,
    )
    table = pd.read_csv(tmp_path / "figure_3.csv")
    assert table["gamma"].tolist() == [0, 0.5, 0, 0.5]
    assert table["seed"].tolist() == [0, 0, 1, 1]
    assert (table["held_out_pairs"] == 20).all()
    assert (table["embeddings"] == 1).all()  # the pairs differ along one feature
    points = pd.read_csv(tmp_path / "figure_3_observations.csv")
    assert len(points) == 2 * 2 * 2 * 27
    mean = points.groupby("side")["x"].mean()
    assert mean["chosen"] > mean["rejected"]
    compared = pd.read_csv(tmp_path / "figure_3_paper.csv")
    assert (compared["ours"] == 0).all()  # the same VAE twice
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"figure_3.{suffix}").stat().st_size > 1000
