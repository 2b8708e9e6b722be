"""The ablations, on top of the small offline world."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.workflow_tools import SMALL, SWEEPS, jobs, paper, run, snakemake

pytestmark = pytest.mark.torture


@pytest.fixture(scope="module")
def with_sweeps(small_world, tmp_path_factory):
    """A copy of the small world in which the ablations have been run."""
    directory = tmp_path_factory.mktemp("sweeps") / "run"
    shutil.copytree(small_world, directory, copy_function=shutil.copy2)
    result = run(directory, "--cores", 2, config=(SMALL, SWEEPS))
    assert result.returncode == 0, result.stderr + result.stdout
    return directory


def test_ablations_are_complete(with_sweeps):
    rows = {
        name: pd.read_csv(paper(with_sweeps) / f"{name}.csv")
        for name in ("figure_2", "figure_4", "table_5", "layer_sweep", "scale_sweep", "size_sweep")
    }
    plain = {"original", "mean_difference", "linear_probe", "repeat"}
    for name, table in rows.items():
        lens = table[table["method"] == "lens"]
        assert lens["difference_to_repeat"].notna().all(), name
        assert set(table["method"]) >= plain, name
        for suffix in ("md", "tex", "html", "csv"):
            assert (paper(with_sweeps) / f"{name}.{suffix}").stat().st_size > 100
        assert (paper(with_sweeps) / f"{name}_settings.json").exists()
    two = rows["figure_2"]
    lens = two[two["method"] == "lens"].groupby("sweep")["value"].apply(list).to_dict()
    assert lens == {"gamma": [0.0, 0.1], "noise_variance": [0.01, 1.0], "N": [100.0, 200.0]}
    for panel in ("2a", "2b", "2c", "4a", "4b"):
        assert (paper(with_sweeps) / f"figure_{panel}.pdf").stat().st_size > 1000
    standard = pd.read_csv(paper(with_sweeps) / "table_1.csv").set_index(["dataset", "method"])
    same = two[(two["sweep"] == "gamma") & (two["value"] == 0.1)]["mean"].item()
    assert same == standard.loc[("dialogue", "lens"), "mean"]
    means = [table[table["method"] == "lens"]["mean"] for table in rows.values()]
    assert pd.concat(means).nunique() >= 4  # the small world's few prompts tell some values apart


def test_a_swept_setting_reaches_its_stage(with_sweeps):
    results = Path(with_sweeps) / "results/small"
    place = "dialogue/tiny-llama/n200"

    def settings(stage, rest):
        return json.loads((results / stage / rest / "metrics.json").read_text())["settings"]

    trained = [
        (results / f"train_reward/{place}/{name}/x4/seed_0.safetensors").read_bytes()
        for name in ("lens", "gamma_0.0", "noise_variance_1.0", "sharing_share_everything")
    ]
    assert len(set(trained)) == 4
    assert settings("train_vae", f"{place}/gamma_0.0")["gamma"] == 0
    assert settings("train_vae", f"{place}/standard")["gamma"] == 0.1
    sharing = settings("train_vae", f"{place}/sharing_share_everything")
    assert sharing["sharing"] == "share_everything"
    noisy = settings("train_reward", f"{place}/noise_variance_1.0/x4")
    assert (noisy["noise_variance"], noisy["method"]) == (1.0, "lens")
    assert noisy["vae_dir"].endswith("n200/standard")
    assert settings("train_reward", f"{place}/gamma_0.0/x4")["vae_dir"].endswith("gamma_0.0")
    assert settings("embed_pairs", "dialogue/tiny-llama.layer_1")["layer"] == 1
    layer = settings("best_of_n", "dialogue/tiny-llama.layer_1/n200/lens/x4")
    assert layer["gold"].endswith("score_candidates/dialogue/tiny-llama/gold.parquet")


def test_one_more_value_runs_alone(with_sweeps):
    change = Path(with_sweeps) / "change.yaml"
    change.write_text(json.dumps({"sweeps": {"gamma": [0.0, 0.1, 0.5]}}))
    result = snakemake("-n", "--configfile", SMALL, SWEEPS, change, directory=with_sweeps)
    assert result.returncode == 0, result.stderr
    planned = jobs(result.stdout)
    assert sorted(rule for rule, _, _ in planned) == [
        "best_of_n",
        "figure_2",
        "paper",
        "train_reward",
        "train_vae",
    ]
    (made,) = (outputs for rule, _, outputs in planned if rule == "best_of_n")
    assert all("/gamma_0.5/x4/" in file for file in made)
