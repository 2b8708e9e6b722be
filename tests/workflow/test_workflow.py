"""The workflow: the schema fits the commands, and bad configs get a clear message."""

import argparse
import ast
import re

import pytest
import yaml

from lens.cli import build_parser
from lens.paper.cells import CONTROLS
from lens.reward import methods
from tests.helpers.workflow_tools import ROOT, jobs, snakemake

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def test_workflow_and_library_know_the_same_methods():
    allowed = SCHEMA["properties"]["compare"]["properties"]["methods"]["items"]["enum"]
    assert sorted(allowed) == sorted(methods.METHODS)
    inspected = SCHEMA["properties"]["inspection"]["properties"]["methods"]["items"]["enum"]
    assert set(inspected) == {
        name for name, method in methods.METHODS.items() if method.keeps_responses
    }
    rules = (ROOT / "workflow/rules/common_text.smk").read_text()
    (textual,) = re.findall(r"^TEXTUAL = (\{.*?^\})$", rules, re.M | re.S)
    allowed = SCHEMA["properties"]["textual"]["properties"]["methods"]["items"]["enum"]
    assert sorted(allowed) == sorted(ast.literal_eval(textual))
    (found,) = re.findall(r"^CONTROLS = (\{.*\})$", rules, re.M)
    controls = ast.literal_eval(found)
    for method, (training, _) in ast.literal_eval(textual).items():
        assert controls.get(training) == CONTROLS.get(method)


@pytest.mark.slow
def test_text_space_is_complete_by_default(tmp_path):
    """Nine methods of the paper and the controls, two datasets, four scales."""
    run = snakemake("-n", directory=tmp_path)
    (table,) = [inputs for rule, inputs, _ in jobs(run.stdout) if rule == "table_1"]
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
            r'an endpoint as judge needs openai: pip install "lens-rm\[judge\]"',
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
def test_paper_config_runs_what_the_paper_ran(tmp_path):
    config = ROOT / "workflow/configs/paper.yaml"
    run = snakemake("-n", "--quiet", "rules", "--configfile", config, directory=tmp_path)
    counts = dict(re.findall(r"^(\w+) +(\d+)$", run.stdout, re.MULTILINE))
    shards = yaml.safe_load(config.read_text())["shards"]["embedding"]["jobs"]
    assert int(counts["embed_pairs"]) == 15 * shards  # six models, two datasets, three more layers
    assert counts["train_vae"] == "30"  # so too; and gamma 3, beta 4, sharing 2, N 6
    settings = yaml.safe_load(config.read_text())
    for name, model in settings["models"].items():
        assert model["paper_name"] == name
        assert re.fullmatch("[0-9a-f]{40}", model["load"]["revision"])


@pytest.fixture(scope="module")
def resources():
    """What workflow/rules/common_resources.smk defines, which takes nothing but the config."""
    found = {}
    exec((ROOT / "workflow/rules/common_resources.smk").read_text(), found)
    return found


def test_retries_ask_for_half_as_much_again_and_time_up_to_two_days(resources):
    grown, lasting = resources["grows"], resources["lasts"]
    assert [grown(8000)(None, attempt) for attempt in (1, 2, 3)] == [8000, 12000, 16000]
    assert [lasting(60)(None, attempt) for attempt in (1, 2, 3)] == [60, 90, 120]
    assert [lasting(2000)(None, attempt) for attempt in (1, 2, 3)] == [2000, 2880, 2880]
    assert [lasting(3720)(None, attempt) for attempt in (1, 2, 3)] == [3720] * 3


def test_time_and_memory_grow_with_model_rows_and_shards(resources):
    models = {
        "small": {"mem_mb": 10_000, "generation": {"max_new_tokens": 100, "candidates": 16}},
        "large": {"mem_mb": 40_000, "generation": {"max_new_tokens": 100, "candidates": 16}},
        "many": {"mem_mb": 10_000, "generation": {"max_new_tokens": 100, "candidates": 64}},
        "long": {"mem_mb": 10_000, "generation": {"max_new_tokens": 400, "candidates": 16}},
        "vllm": {
            "mem_mb": 10_000,
            "generation": {"max_new_tokens": 100, "candidates": 16, "engine": "vllm"},
        },
    }
    pairs = {"max_train_pairs": 90_000, "max_test_pairs": 10_000, "test_prompts": 60_000}
    config = {
        "models": models,
        "datasets": {"d": {"pairs": pairs}},
        "shards": {"embedding": {"jobs": 1}, "generation": {"jobs": 1}, "gold": {"jobs": 1}},
        "compare": {"seeds": [0, 1, 2]},
    }
    known = resources | {"config": config}
    kinds = {"embed_pairs": "embedding", "generate_candidates": "generation"}
    known["SHARDED"] = kinds
    exec((ROOT / "workflow/rules/common_resources.smk").read_text(), known)

    def minutes(stage, model):
        return known["shard_minutes"](stage)(argparse.Namespace(dataset="d", model=model), 1) - 30

    # 200,000 texts at 4e-8 minutes for each of 10,000 MB; 96 million tokens at 7e-10
    assert minutes("embed_pairs", "small") == 80
    assert minutes("embed_pairs", "large") == 320
    assert minutes("generate_candidates", "small") == 672
    for name, times in (("large", 4), ("many", 4), ("long", 4), ("vllm", 0.1)):
        assert minutes("generate_candidates", name) == pytest.approx(672 * times, abs=1)
    config["shards"]["embedding"]["jobs"] = 4
    assert minutes("embed_pairs", "small") == 20
    of = argparse.Namespace
    assert known["model_memory"](of(model="large"), 1) == 40_000
    assert known["pairs_memory"](of(n_pairs="100000"), 1) == 48_000
    assert known["pairs_minutes"](of(n_pairs="100000", scale="4"), 1) == 460


@pytest.mark.slow
def test_every_job_of_the_paper_fits_a_partition_at_every_attempt(tmp_path, resources):
    """Of the profile as shipped: GPU jobs where there are GPUs, the others where there are none."""
    listing = snakemake(
        "-n", "--configfile", ROOT / "workflow/configs/paper.yaml", directory=tmp_path
    ).stdout
    file = ROOT / "workflow/profiles/slurm/partitions.yaml"
    partitions = yaml.safe_load(file.read_text())["partitions"]
    asked = set()
    for line in re.findall("^    resources: (.*)$", listing, re.MULTILINE):
        one = dict(part.split("=", 1) for part in line.split(", "))
        if "runtime" in one:  # rules beside Snakemake itself have none
            asked.add((int(one.get("gpu", 0)), int(one["mem_mb"]), int(one["runtime"])))
    assert len(asked) > 20
    for gpus, memory, minutes in asked:
        for attempt in (1, 2, 3):
            more = resources["grows"](memory)(None, attempt)
            longer = resources["lasts"](minutes)(None, attempt)
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
        ("$generation", ["generate-candidates", "sample-responses", "sample-sft"]),
        ("training", ["train-vae", "train-reward"]),
        ("$vae", ["train-vae"]),
        ("synthesis", ["train-reward"]),
        ("$reward", ["train-reward"]),
        ("theory", ["theory-points"]),
        ("inspection", ["inspect-synthetic"]),
        ("$finetuning", ["train-sft", "train-text", "train-annotator", "evolve-pairs"]),
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
def test_schema_and_commands_agree(section, commands):
    # Switches between rules, resources, sections of their own.
    keys = properties(section) - {"gold", "mem_mb", "gpu", "kind", "compare", "load", "endpoint"}
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


def test_no_description_is_cut_at_a_comma():
    def empty(node):
        children = node.values() if isinstance(node, dict) else node
        return [key for key in node if isinstance(node, dict) and node[key] is None] + [
            key for child in children if isinstance(child, dict | list) for key in empty(child)
        ]

    assert empty(SCHEMA) == []


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vae": {"gama": 0.1}}, r"'gama' was unexpected"),
        ({"compare": {"datasets": ["dialog"]}}, r"compare.datasets names \['dialog'\]"),
        ({"compare": {"seeds": [0, 1]}}, r"\[0, 1\] is too short"),
        ({"compare": {"methods": ["lens", "original"]}}, r"does not contain"),
        ({"run": "../up"}, r"'../up': A name begins with"),
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
            {"textual": {"jobs": {"all": [1, 2, 4]}}},
            r"textual.jobs trains the scales \[1, 2, 4\]; it should train each of \[1, 2, 4, 8\]",
        ),
        (
            {"textual": {"methods": ["self_rewarding"]}},
            r"self_rewarding but not its control: add full_finetune_repeat",
        ),
        (
            {"textual": {"table_6": {"scale": 16}}},
            r"textual.table_6 is full_finetune at scale 16, which Table 1 does not have",
        ),
        (
            {"rejection_sampling": {"reward_models": {"textual": {"method": "loraa"}}}},
            r"reward_models.textual is loraa at scale 4, which Table 1 does not have",
        ),
        (
            {"rejection_sampling": {"judge": {"compare": ["latent", "foo"]}}},
            r"judge.compare names \['foo'\]",
        ),
        (
            {"textual": {"self_rewarding": {"template": "nope.txt"}}},
            r"nope.txt: no such file",
        ),
        (
            {"textual": {"methods": []}, "artefacts": ["table_2"]},
            r"\['table_2'\] needs \['full_finetune', 'full_finetune_repeat'\]",
        ),
        (
            {"reward_bench": {"scale": 16}},
            r"reward_bench is for .*Change this section, or take rewardbench_safety out",
        ),
        ({"textual": {"gpus": 2}}, r"textual.gpus 2 needs textual.accelerate"),
        (
            {"textual": {"self_rewarding": {"pairs": 6}}},
            r"self_rewarding.pairs makes 6 pairs of a prompt at most, but scale 8 needs 7",
        ),
        ({"textual": {"responses": 4}}, r"textual.responses makes 6 pairs of a prompt at most"),
        (
            {"textual": {"models": ["other"]}},
            r"table_3 is for dialogue and tiny-llama, which are not both under `textual`",
        ),
        (
            {"textual": {"annotator": {"model": "other"}}},
            r"textual.annotator.model 'other' is not compared",
        ),
        (
            {"rejection_sampling": {"judge": {"kind": "endpoint"}}},
            r"rejection_sampling.judge.kind endpoint needs its section `endpoint`",
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
        ({"inspection": {"seed": 7}}, r"inspection.seed 7 is not under compare.seeds"),
        ({"inspection": {"model": "other"}}, r"inspection.model 'other' is not under"),
    ],
)
def test_bad_configs_get_a_clear_message(tmp_path, change, message):
    (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
    run = snakemake("-n", "--configfile", tmp_path / "change.yaml", directory=tmp_path)
    assert run.returncode != 0
    assert re.search(message, run.stderr + run.stdout, re.DOTALL), run.stderr


@pytest.mark.slow
def test_what_draws_a_figure_is_no_other_stage_s_code(tmp_path):
    """Its command, and its module under lens/paper where it has one, so that a change of its style
    runs it alone."""
    run = snakemake("-n", directory=tmp_path)
    users = {}
    for rule, inputs, _ in jobs(run.stdout):
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
