"""The inspector and Figure 3, from pairs to page."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from lens.cli import main
from lens.files import artifacts
from lens.latent.vae import VAE, save_vae
from lens.paper import figure_3, inspector
from lens.reward.head import RewardHead
from tests.helpers.geometry import FIRST, SYNTHESIS, made_up, standardiser

NASTY = "<script>alert(1)</script> | `a` ```\n# not a heading **b** & 100 % \\x {y}"


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
