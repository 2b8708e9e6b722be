"""Gold scores and test prompts cannot reach training: by the job graph, and by what is read."""

import json
import re
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.files.artifacts import sha256, write_arrays, write_table
from lens.files.embeddings import read_embedded
from lens.reward import methods
from lens.textspace.text_pairs import seed_rows
from tests.helpers.leaks import (
    CLASSES,
    NO_REWARD_MODEL_SEES,
    SPLITTERS,
    TRAINING,
    commands,
    configs,
    leaks,
    rules_of,
)
from tests.helpers.workflow_tools import (
    ROOT,
    family,
    jobs,
    makers,
    snakemake,
    sources,
    workflow_rules,
)


@pytest.mark.slow
def test_every_rule_is_in_one_class():
    """A new rule has to be put into one: tests/helpers/leaks.py."""
    said = Counter(rule for one in CLASSES for rule in one)
    assert set(said) == {family(rule) for rule in (*rules_of(), *workflow_rules())}
    assert set(said.values()) == {1}


def test_a_config_or_rule_that_is_added_is_looked_at(tmp_path):
    for name in ("workflow/configs/new.yaml", "tests/new.yaml", "workflow/rules/new.smk"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("rule new:\nuse rule old as other with:\ncheckpoint third:\n")
    (tmp_path / "Snakefile").write_text("if True:\n    rule fourth:\n")
    assert [path and path.name for path in configs(tmp_path)] == [None, "new.yaml", "new.yaml"]
    assert set(rules_of(tmp_path)) == {"new", "other", "third", "fourth"}
    assert len(configs()) >= 10


@pytest.fixture
def arguments(tmp_path, bert_folder):
    """What each config needs on the command line to be resolved."""
    for name in ("pairs", "pool"):
        (tmp_path / f"{name}.jsonl").write_text("{}\n")
    paths = {
        "pairs": str(tmp_path / "pairs.jsonl"),
        "pool": str(tmp_path / "pool.jsonl"),
        "encoder": str(bert_folder),
    }
    given = {"hh.yaml": ["--config", f"paths={json.dumps(paths)}"]}
    for name in ("helpful", "harmless"):
        (tmp_path / f"{name}.jsonl").write_text("{}\n")
    models = dict.fromkeys(("smollm2", "gemma", "gold"), str(bert_folder))
    real = ["--config", f"paths={json.dumps({'data': str(tmp_path), **models})}"]
    given |= dict.fromkeys(("real.yaml", "real_pool.yaml", "real_text.yaml"), real)

    def for_config(config):
        return given.get(config.name, []) if config else []

    return for_config


@pytest.mark.parametrize("config", configs(), ids=lambda c: c.name if c else "default")
def test_every_config_resolves_and_no_training_sees_gold_or_test_prompts(
    tmp_path, arguments, planned, config
):
    if paths := arguments(config):
        run = snakemake("-n", "-p", "--configfile", config, *paths, directory=tmp_path)
        assert run.returncode == 0, run.stderr
        listing = run.stdout
    else:
        listing = planned(config)
    found, said = jobs(listing), commands(listing)
    maker = makers(found)
    rules = {rule for rule, _, _ in found}
    assert {"train_vae", "train_reward"} <= rules
    assert leaks(found, said) == []
    for rule, words in zip([job[0] for job in found], said, strict=True):
        if rule in TRAINING | SPLITTERS:
            assert words[:3] == ["python", "-m", "lens"] or "lens" in words, rule
    for job in found:
        if job[0] in ("best_of_n", "best_of_n_text", "score_sft"):
            seen = sources(job, maker, lambda rule: True)
            assert any(NO_REWARD_MODEL_SEES.search(file) for file in seen), "the walk misses them"
    if config is None:
        assert rules >= TRAINING
        (bench,) = [job for job in found if job[0] == "judge_bench"]
        assert any("/build_bench/" in file for file in sources(bench, maker, lambda rule: True))


PLANTS = {
    "gold scores of the answers": (
        "synthesis.smk",
        "rule train_vae",
        'gold="<results>/score_candidates/{dataset}/{model}/gold.parquet",',
        r"train_vae depends on .*/score_candidates/",
    ),
    "test prompts by way of a new rule": (
        "reward.smk",
        "rule train_reward",
        'more="<results>/clean_up/{dataset}.parquet",',
        r"train_reward depends on .*/prepare_pairs/\w+/prompts.parquet",
    ),
    "a new rule that nobody has classed": (
        "textual.smk",
        "rule train_annotator",
        'more="<results>/fresh/{dataset}.parquet",',
        r"train_annotator depends on .*/fresh/dialogue.parquet",
    ),
    "the policies' prompts for a reward model": (
        "textual.smk",
        "rule train_text",
        'more="<results>/held_out_prompts/{dataset}/prompts.parquet",',
        r"train_text depends on .*/held_out_prompts/",
    ),
}
# Files that are no inputs, as a command may name them.
TOLD = (
    "--gold results/offline/best_of_n/a",
    "--gold=results/offline/best_of_n/b",
    "/a/run/results/offline/best_of_n/c",
    "--golds=x,../results/offline/best_of_n/d",
)
NEW_RULES = """
rule clean_up:
    input: "<results>/prepare_pairs/{dataset}/prompts.parquet"
    output: "<results>/clean_up/{dataset}.parquet"
    shell: "cp {input} {output}"

rule fresh:
    output: "<results>/fresh/{dataset}.parquet"
    shell: "touch {output}"
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """What the walk says of the default run with all plants in it, and one file told of by name."""
    root = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "workflow", root / "workflow")
    (root / "lens").symlink_to(ROOT / "lens")
    shutil.copy(ROOT / "config.yaml", root)
    start = 'include: "workflow/rules/demo.smk"\n'
    snakefile = (ROOT / "Snakefile").read_text()
    assert start in snakefile
    (root / "Snakefile").write_text(snakefile.replace(start, start + NEW_RULES))
    for file, rule, line, _ in PLANTS.values():
        path = root / "workflow/rules" / file
        text = path.read_text()
        assert text.count(f"{rule}:\n    input:\n") == 1
        path.write_text(
            text.replace(f"{rule}:\n    input:\n", f"{rule}:\n    input:\n        {line}\n")
        )
    path = root / "workflow/rules/theory.smk"
    told = "python -m lens theory-points"
    assert told in path.read_text()
    path.write_text(path.read_text().replace(told, f"{told} {' '.join(TOLD)}"))
    (root / "work").mkdir()
    run = snakemake("-n", "-p", "--snakefile", root / "Snakefile", directory=root / "work")
    assert run.returncode == 0, run.stderr
    return leaks(jobs(run.stdout), commands(run.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS)
def test_the_walk_finds_a_planted_leak(planted, plant):
    assert any(re.fullmatch(PLANTS[plant][3] + ".*", sentence) for sentence in planted), planted


@pytest.mark.slow
def test_the_walk_finds_a_file_that_is_told_of_but_is_no_input(planted):
    for place in "abcd":
        assert f"theory_points depends on results/offline/best_of_n/{place}" in planted
    planted_rules = {sentence.split()[0] for sentence in planted}
    assert "train_base_model" not in planted_rules
    assert "prepare_pairs" not in planted_rules


# The table of pairs holds both splits, so the graph cannot say which of them a stage reads.


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """A folder with pairs whose test rows have embeddings that no stage could read unnoticed."""
    folder = tmp_path_factory.mktemp("poisoned")
    rng, count = np.random.default_rng(0), 60
    table = pd.DataFrame(
        {
            "id": [f"row-{i}" for i in range(count)],
            "prompt": json.dumps([{"role": "user", "content": "a question"}]),
            "chosen": "good",
            "rejected": "bad",
            "group": [f"question {i}" for i in range(count)],
            "split": ["test" if i % 3 == 0 else "train" for i in range(count)],
        }
    )
    write_table(folder / "pairs.parquet", table)
    arrays = {s: rng.normal(size=(count, 6)).astype(np.float32) for s in ("chosen", "rejected")}
    for array in arrays.values():
        array[table["split"] == "test"] = np.nan
    about = {"rows_sha256": sha256(folder / "pairs.parquet")}
    write_arrays(folder / "embeddings.safetensors", arrays, about)
    return folder


def spending(folder, n_pairs):
    return (
        "--pairs",
        folder / "pairs.parquet",
        "--embeddings",
        folder / "embeddings.safetensors",
        "--n-pairs",
        n_pairs,
        "--seeds",
        0,
        1,
    )


@pytest.mark.slow
def test_no_vae_and_no_reward_model_of_any_method_reads_a_test_pair(poisoned, lens, fail):
    """Reading one would fail: a value that is not finite is refused."""
    lens("train-vae", *spending(poisoned, 40), "--epochs", 1, "--out-dir", poisoned / "vae")
    for method in methods.METHODS:
        scale = 2 if methods.METHODS[method].augments else 1
        lens(
            "train-reward",
            *spending(poisoned, 40),
            "--method",
            method,
            "--scale",
            scale,
            "--vae-dir",
            poisoned / "vae",
            "--epochs",
            1,
            "--out-dir",
            poisoned / "reward" / method,
        )
    table, embeddings = read_embedded(
        poisoned / "pairs.parquet", poisoned / "embeddings.safetensors"
    )
    for place in np.flatnonzero(table["split"] == "test"):
        with pytest.raises(LensError, match="not finite"):
            embeddings["chosen"][[place]]
    assert "only 40" in fail("train-vae", *spending(poisoned, 41), "--out-dir", poisoned / "none")


def test_no_textual_method_spends_a_test_pair(poisoned):
    pairs = pd.read_parquet(poisoned / "pairs.parquet")
    spent = {row for seed in range(9) for row in seed_rows(pairs, 30, seed)}
    assert set(pairs["split"].iloc[sorted(spent)]) == {"train"}
    assert len(spent) == 40
