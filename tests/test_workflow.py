"""The workflow: every config resolves, the schema fits the commands, gold never trains."""

import argparse
import ast
import json
import re

import pytest
import yaml
from workflow_tools import ROOT, SMALL, ancestors, snakemake

from lens import methods
from lens.cli import build_parser

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
CONFIGS = sorted((ROOT / "workflow/configs").glob("*.yaml"))


def test_workflow_and_library_know_the_same_methods():
    rules = (ROOT / "workflow/rules/common.smk").read_text()
    lists = {
        name: ast.literal_eval(value)
        for name, value in re.findall(r"^(LATENT|UNAUGMENTED) = (\(.*?\))$", rules, re.M | re.S)
    }
    assert lists["LATENT"] == methods.LATENT
    assert lists["UNAUGMENTED"] == ("original", *methods.PROBES)
    allowed = SCHEMA["properties"]["compare"]["properties"]["methods"]["items"]["enum"]
    assert sorted(allowed) == sorted(methods.METHODS)


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

    def for_config(config):
        return ["--configfile", config, *given.get(config.name, [])] if config else []

    return for_config


@pytest.mark.parametrize(
    "config", [None, SMALL, *CONFIGS], ids=lambda c: c.name if c else "default"
)
def test_every_config_resolves_and_gold_never_trains(tmp_path, arguments, config):
    run = snakemake("--dag", *arguments(config), directory=tmp_path)
    assert run.returncode == 0, run.stderr
    jobs = ancestors(run.stdout)
    gold = {"score_candidates", "import_gold", "train_gold_model"}
    trained = [name for name, _ in jobs.values() if name in ("train_vae", "train_reward")]
    assert trained
    for name, above in jobs.values():
        if name in ("train_vae", "train_reward", "theory_points", "prepare_pairs", "embed_pairs"):
            assert not above & gold, f"{name} depends on {above & gold}"
        if name == "best_of_n":
            assert above & gold, "the walk would miss a gold score"


def test_paper_config_runs_what_the_paper_ran(tmp_path):
    config = ROOT / "workflow/configs/paper.yaml"
    run = snakemake("-n", "--quiet", "rules", "--configfile", config, directory=tmp_path)
    counts = dict(re.findall(r"^(\w+) +(\d+)$", run.stdout, re.MULTILINE))
    assert counts["embed_pairs"] == "12"  # six models on two datasets
    assert counts["train_vae"] == "12"
    settings = yaml.safe_load(config.read_text())
    for name, model in settings["models"].items():
        assert model["paper_name"] == name
        assert re.fullmatch("[0-9a-f]{40}", model["load"]["revision"])


def test_lint(tmp_path):
    run = snakemake("--lint", directory=tmp_path)
    assert run.returncode == 0, run.stderr


def properties(path):
    node = SCHEMA
    for part in path.split("/"):
        node = node["$defs"][part[1:]] if part.startswith("$") else node["properties"][part]
    return set(node["properties"])


def flags_of(command):
    (subparsers,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return {action.dest for action in subparsers.choices[command]._actions}


@pytest.mark.parametrize(
    ("section", "commands"),
    [
        ("$pairs", ["prepare-pairs"]),
        ("$pool", ["import-gold"]),
        ("$load", ["embed-pairs", "embed-candidates", "generate-candidates", "score-candidates"]),
        ("$embedding", ["embed-pairs", "embed-candidates"]),
        ("$generation", ["generate-candidates"]),
        ("training", ["train-vae", "train-reward"]),
        ("$vae", ["train-vae"]),
        ("synthesis", ["train-reward"]),
        ("$reward", ["train-reward"]),
        ("theory", ["theory-points"]),
        ("world/texts", ["build-world"]),
        ("world/base_model", ["train-base-model"]),
        ("world/gold_model", ["train-gold-model"]),
    ],
)
def test_schema_and_commands_agree(section, commands):
    keys = properties(section) - {"gold", "mem_mb"}  # a switch between rules; a resource
    for command in commands:
        assert keys <= flags_of(command)


def walk(node):
    yield node
    for value in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from walk(value)


def test_schema_allows_no_other_keys_and_describes_every_key():
    for node in walk(SCHEMA):
        if isinstance(node, dict) and node.get("type") == "object":
            assert "additionalProperties" in node, node
            assert node["additionalProperties"] is not True
    described = set(SCHEMA["$defs"])
    for node in walk(SCHEMA):
        if isinstance(node, dict) and isinstance(node.get("properties"), dict):
            for key, value in node["properties"].items():
                reference = value.get("$ref", "").rpartition("/")[2]
                assert "description" in value or "description" in SCHEMA["$defs"].get(
                    reference, {}
                ), key
    assert described


def test_default_config_has_every_training_key():
    """The default run writes its scientific choices out; none hides in a default."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for section in ("$vae", "synthesis", "$reward"):
        assert set(config[section.strip("$")]) == properties(section)


OWN = {
    "artefacts": ["table_1"],
    "compare": {"datasets": ["own"], "models": ["encoder"]},
    "models": {"encoder": {"gpu": 0, "load": {"model": "a/b"}, "embedding": {}}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vae": {"gama": 0.1}}, r"'gama' was unexpected"),
        ({"compare": {"datasets": ["dialog"]}}, r"compare.datasets names \['dialog'\]"),
        ({"compare": {"seeds": [0, 1]}}, r"\[0, 1\] is too short"),
        ({"compare": {"methods": ["lens", "original"]}}, r"does not contain"),
        ({"run": "../up"}, r"'../up' does not match"),
        (
            {"datasets": {"dialogue": {"pairs": {"path": "own.jsonl"}}}},
            r"\['models.tiny-llama', 'gold'\] would read \['dialogue'\]",
        ),
        (
            {
                **OWN,
                "datasets": {"own": {"pairs": {"path": "a.jsonl"}, "pool": {"path": "b.jsonl"}}},
            },
            r"\['gold'\] would read \['own'\].*gold: true",
        ),
        (
            {
                **OWN,
                "datasets": {
                    "own": {
                        "pairs": {"path": "no.jsonl"},
                        "pool": {"path": "no.jsonl", "gold": True},
                    }
                },
            },
            r"no.jsonl: no such file",
        ),
        (
            {"datasets": {"dialogue": {"pairs": {"path": "{own}"}}}},
            r"the path 'own' is not set.*--config",
        ),
        (
            {"models": {"tiny-llama": {"load": {"model": "/no/model"}}}},
            r"/no/model: no such model folder",
        ),
        (
            {
                "compare": {"models": ["mute"]},
                "models": {"mute": {"gpu": 0, "load": {"model": "a/b"}, "embedding": {}}},
            },
            r"models \['mute'\] have no `generation`",
        ),
        (
            {
                **OWN,
                "artefacts": ["describe_world"],
                "datasets": {
                    "own": {"pairs": {"hub": "a/b"}, "pool": {"path": "b.jsonl", "gold": True}}
                },
            },
            r"describe_world.* for one model.*Take them out",
        ),
    ],
)
def test_bad_configs_get_a_clear_message(tmp_path, change, message):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    run = snakemake("-n", "--configfile", tmp_path / "change.yaml", directory=tmp_path)
    assert run.returncode != 0
    assert re.search(message, run.stderr + run.stdout, re.DOTALL), run.stderr
