"""The workflow: the config fits the commands, and a run does what its config says."""

import argparse
import re
from typing import get_args, get_origin

import pytest
import yaml

from lens.cli import build_parser
from lens.core.settings import Settings, section_of
from lens.paper.cells import CONTROLS
from lens.textspace.methods import CONTROLS as TRAINED_LIKE
from lens.textspace.methods import TEXT_METHODS
from lens.workflow.config import Config
from lens.workflow.resources import grows, lasts
from tests.helpers.workflow_tools import ROOT, jobs, snakemake

CONFIGS = ROOT / "workflow/configs"


def test_tables_compare_textual_methods_with_the_controls_that_are_trained_like_them():
    for method, row in TEXT_METHODS.items():
        assert TRAINED_LIKE.get(row.training) == CONTROLS.get(method)


@pytest.mark.slow
def test_text_space_is_complete_by_default(planned):
    """Nine methods of the paper and the controls, two datasets, four scales."""
    (table,) = [inputs for rule, inputs, _ in jobs(planned()) if rule == "table_1"]
    text = {
        tuple(re.findall(r"best_of_n_text/(\w+)/tiny-llama/n\d+/(\w+)/standard/all/prompts", f)[0])
        for f in table
        if "best_of_n_text" in f and f.endswith("prompts.parquet")
    }
    methods = {
        "full_finetune",
        "full_finetune_repeat",
        "lora",
        "lora_repeat",
        "self_rewarding",
        "self_evolved",
        "ipo",
    }
    assert text == {(d, m) for d in ("dialogue", "summary") for m in methods}
    embedded = {f for f in table if "/embedding_mlp/" in f and f.endswith("prompts.parquet")}
    assert len(embedded) == 2 * 3
    scales = {int(k) for f in embedded for k in re.findall(r"/x(\d+)/", f)}
    assert scales == {2, 4, 8}
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert config["textual"]["jobs"]["all"] == [1, 2, 4, 8]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": {"tiny-llama": {"generation": {"engine": "vllm"}}}}, r"engine vllm needs vllm"),
        (
            {
                "rejection_sampling": {
                    "judge": {
                        "kind": "endpoint",
                        "endpoint": {"base_url": "https://x/v1", "model": "m"},
                    }
                }
            },
            r'an endpoint as judge needs openai: pip install "lens-rm\[endpoint\]"',
        ),
    ],
)
def test_other_extras_are_named_before_the_first_job(tmp_path, change, message):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n in ('openai', 'vllm') else f(n, *a)\n"
    )
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    run = snakemake(
        "-n",
        "--configfile",
        tmp_path / "change.yaml",
        directory=tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    assert run.returncode != 0
    assert re.search(message, run.stdout + run.stderr), run.stderr


@pytest.mark.slow
def test_training_on_text_without_its_packages_names_the_extra(tmp_path):
    """A config that needs them stops before the first job; the demo's does not need them."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n == 'peft' else f(n, *a)\n"
    )
    run = snakemake("-n", directory=tmp_path, PYTHONPATH=str(tmp_path))
    assert run.returncode != 0
    message = run.stdout + run.stderr
    assert "training on text needs peft" in message
    assert 'pip install "lens-rm[text]"' in message
    demo = ROOT / "workflow/configs/demo.yaml"
    run = snakemake("-n", "--configfile", demo, directory=tmp_path, PYTHONPATH=str(tmp_path))
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_paper_config_runs_what_the_paper_ran(planned):
    counts = dict(re.findall(r"^(\w+) +(\d+)$", planned(CONFIGS / "paper.yaml"), re.MULTILINE))
    settings = yaml.safe_load((ROOT / "workflow/configs/paper.yaml").read_text())
    shards = settings["shards"]["embedding"]["jobs"]
    assert int(counts["embed_pairs"]) == 15 * shards  # six models, two datasets, three more layers
    assert counts["train_vae"] == "30"  # so too; and gamma 3, beta 4, sharing 2, N 6
    for name, model in settings["models"].items():
        assert model["paper_name"] == name
        assert re.fullmatch("[0-9a-f]{40}", model["load"]["revision"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("paper", 500), ("demo", 60)])
def test_runs_have_few_jobs(planned, name, most):
    total = re.search(r"^total +(\d+)$", planned(CONFIGS / f"{name}.yaml"), re.MULTILINE)
    assert 30 < int(total[1]) <= most


@pytest.mark.slow
def test_every_job_of_the_paper_fits_a_partition_at_every_attempt(planned):
    """Of the profile as shipped: GPU jobs where there are GPUs, the others where there are none."""
    file = ROOT / "workflow/profiles/slurm/partitions.yaml"
    partitions = yaml.safe_load(file.read_text())["partitions"]
    asked = set()
    for line in re.findall("^    resources: (.*)$", planned(CONFIGS / "paper.yaml"), re.MULTILINE):
        one = dict(part.split("=", 1) for part in line.split(", "))
        if "runtime" in one:  # rules beside Snakemake itself have none
            asked.add((int(one.get("gpu", 0)), int(one["mem_mb"]), int(one["runtime"])))
    assert len(asked) > 20
    for gpus, memory, minutes in asked:
        for attempt in (1, 2, 3):
            more = grows(memory)(None, attempt)
            longer = lasts(minutes)(None, attempt)
            assert any(
                gpus <= limits.get("max_gpu", 0)
                and bool(gpus) == bool(limits.get("max_gpu"))
                and more <= limits["max_mem_mb"]
                and longer <= limits["max_runtime"]
                for limits in partitions.values()
            ), (gpus, memory, minutes, attempt)


@pytest.mark.slow
def test_lint(tmp_path):
    run = snakemake("--lint", directory=tmp_path)
    assert run.returncode == 0, run.stderr


def properties(path):
    """The keys of a section; those of a name under `datasets` or `models` are its values'."""
    section = Config
    for key in path.split("/"):
        section = section_of(section.model_fields[key].annotation)
        section = section_of(get_args(section)[1]) if get_origin(section) is dict else section
    return set(section.model_fields)


def flags_of(command):
    (subparsers,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    actions = subparsers.choices[command]._actions
    return {name[2:].replace("-", "_") for each in actions for name in each.option_strings}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "commands"),
    [
        ("datasets/pairs", ["prepare-pairs"]),
        ("datasets/pool", ["import-gold"]),
        (
            "models/load",
            ["embed-pairs", "embed-candidates", "generate-candidates", "score-candidates"],
        ),
        ("models/embedding", ["embed-pairs", "embed-candidates"]),
        ("models/generation", ["generate-candidates", "sample-responses", "sample-sft"]),
        ("training", ["train-vae", "train-reward"]),
        ("vae", ["train-vae"]),
        ("synthesis", ["train-reward"]),
        ("reward", ["train-reward"]),
        ("theory", ["theory-points"]),
        ("inspection", ["inspect-synthetic"]),
        ("textual/finetuning", ["train-sft", "train-text", "train-annotator", "evolve-pairs"]),
        ("textual/lora", ["train-text", "train-annotator"]),
        ("textual/self_rewarding", ["judge-responses"]),
        ("textual/self_evolved", ["evolve-pairs"]),
        ("rejection_sampling/judge", ["judge-sft"]),
        ("rejection_sampling/judge/endpoint", ["judge-sft"]),
        ("world/texts", ["build-world"]),
        ("world/bench", ["build-bench"]),
        ("world/base_model", ["train-base-model"]),
        ("world/gold_model", ["train-gold-model"]),
    ],
)
def test_config_and_commands_agree(section, commands):
    # Switches between rules, resources, sections of their own.
    keys = properties(section) - {"gold", "mem_mb", "gpu", "kind", "compare", "load", "endpoint"}
    for command in commands:
        assert keys <= flags_of(command)


def sections():
    """Every section's model, found by way of the config's."""
    found, waiting = [], [Config]
    while waiting:
        section = waiting.pop()
        if section not in found:
            found.append(section)
            kinds = [field.annotation for field in section.model_fields.values()]
            while kinds:
                kind = kinds.pop()
                if isinstance(kind, type) and issubclass(kind, Settings):
                    waiting.append(kind)
                kinds += [part for part in get_args(kind) if part is not type(None)]
    return found


def test_sections_allow_no_other_keys_and_describe_every_key():
    assert len(sections()) > 35
    for section in sections():
        assert section.model_config["extra"] == "forbid"
        assert section.__doc__
        assert section.__doc__ != Settings.__doc__
        for key, field in section.model_fields.items():
            own = section_of(field.annotation)
            described = isinstance(own, type) and issubclass(own, Settings)
            assert field.description or described, (section, key)


def test_default_config_has_every_training_key():
    """The default run writes its scientific choices out; none hides in a default."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for section in ("vae", "synthesis", "reward"):
        assert set(config[section]) == properties(section)


OWN = {
    "artefacts": ["table_1"],
    "compare": {"datasets": ["own"], "models": ["encoder"]},
    "models": {"encoder": {"gpu": 0, "load": {"model": "a/b"}, "embedding": {}}},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vae": {"gama": 0.1}}, r"'gama' was unexpected; known here: .*config\['vae'\]"),
        ({"inspection": {"seed": 7}}, r"inspection.seed 7 is not under compare.seeds"),
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
        ({"textual": {"self_rewarding": {"template": "nope.txt"}}}, r"nope.txt: no such file"),
        (
            {"models": {"tiny-llama": {"load": {"model": "/no/model"}}}},
            r"/no/model: no such model folder",
        ),
        ({"textual": {"accelerate": "nope.yaml"}}, r"nope.yaml: no such file"),
    ],
)
def test_a_bad_config_stops_snakemake_with_the_message_alone(tmp_path, change, message):
    """tests/workflow/test_resolve.py has all that the config itself may lack."""
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    run = snakemake("-n", "--configfile", tmp_path / "change.yaml", directory=tmp_path)
    said = run.stderr + run.stdout
    assert run.returncode != 0
    assert re.search(message, said, re.DOTALL), said
    assert "pydantic" not in said
    assert "lens/workflow/resolve.py" not in said


@pytest.mark.slow
def test_what_draws_a_figure_is_no_other_stage_s_code(planned):
    """Its command, and its module under lens/paper where it has one, so that a change of its style
    runs it alone."""
    users = {}
    for rule, inputs, _ in jobs(planned()):
        for file in inputs:
            users.setdefault(file, set()).add(rule)
    figures = [
        name
        for name in yaml.safe_load((ROOT / "config.yaml").read_text())["artefacts"]
        if name.startswith("figure_") or name.endswith(("_curve", "_sweep"))
    ]
    assert len(figures) == 9
    for name in figures:
        assert users[str(ROOT / f"lens/cli/{name}.py")] == {name}
        own = ROOT / f"lens/paper/{name}.py"
        assert not own.exists() or users[str(own)] == {name}
