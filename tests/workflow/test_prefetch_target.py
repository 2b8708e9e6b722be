"""The workflow's target `prefetch`."""

import json

import pytest
import yaml

from lens.evaluation import rewardbench
from tests.helpers.workflow_tools import ROOT, jobs, snakemake


def prefetch_command(directory, *arguments):
    run = snakemake("-np", "prefetch", *arguments, directory=directory)
    assert run.returncode == 0, run.stderr
    assert {rule for rule, _, _ in jobs(run.stdout)} == {"prefetch"}
    (command,) = [line for line in run.stdout.splitlines() if "lens prefetch" in line]
    return command.partition(" --out")[0].partition("lens prefetch")[2].split()


@pytest.mark.slow
def test_the_target_names_what_the_config_uses(tmp_path):
    paper = yaml.safe_load((ROOT / "workflow/configs/paper.yaml").read_text())
    loads = [m["load"] for m in (*paper["models"].values(), paper["gold"])]
    expected = sorted(f"{load['model']}@{load['revision']}" for load in loads)
    pairs = [d["pairs"] for d in paper["datasets"].values()]
    bench = f"{rewardbench.HUB[1][0]}@{paper['reward_bench']['revision']}"
    datasets = sorted([bench, *(f"{p['hub']}@{p['revision']}" for p in pairs)])
    words = prefetch_command(tmp_path, "--configfile", ROOT / "workflow/configs/paper.yaml")
    assert words == ["--models", *expected, "--datasets", *datasets]
    change = {
        "artefacts": ["table_1", "table_3"],
        "models": {"gemma-2b": {"load": {"trust_remote_code": True}}},
        "rejection_sampling": {"judge": {"kind": "model", "load": {"model": "org/judge"}}},
    }
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    words = prefetch_command(
        tmp_path, "--configfile", ROOT / "workflow/configs/paper.yaml", tmp_path / "change.yaml"
    )
    assert bench not in words
    assert "org/judge@main" in words
    assert words[words.index("--models-with-code") + 1].startswith("google/gemma-2-2b-it@")


@pytest.mark.slow
def test_the_target_runs_whenever_it_is_asked_for(tmp_path):
    for _ in range(2):
        run = snakemake("--cores", 1, "prefetch", directory=tmp_path)
        assert run.returncode == 0, run.stderr
        assert "nothing to download" in run.stdout + run.stderr
    assert json.loads((tmp_path / "results/offline/prefetch.json").read_text()) == []
