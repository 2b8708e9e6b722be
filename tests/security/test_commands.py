"""What a config says reaches a command as it stands, and no shell makes anything of it."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.helpers.workflow_tools import ROOT, TEXT, run, workflow_rules

ODD = '-O\'B "q" $(touch ran1) `touch ran2` ;touch ran3;& | * ~ # ! -é %s \\ {a b} <x y>'
ODD_FILE = re.sub("[/{}<>]", "", ODD)
# Functions that put words together by hand: of what other functions quoted, of numbers and fixed
# names, and with shlex.quote.
BY_HAND = {
    "flags",
    "launch",
    "pool_gold_flags",
    "bench_flags",
    "bench_text_flags",
    "training_command",
    "judging_command",
}


def words_functions():
    """{name: its source tree} of the functions of lens.workflow whose result a shell reads."""
    return {
        node.name: node
        for file in sorted((ROOT / "lens/workflow").glob("*.py"))
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.returns
        if ast.unparse(node.returns) == "Words"
    }


def quoted(value, functions):
    """Whether an expression is made by one of the functions."""
    if isinstance(value, ast.IfExp):
        return quoted(value.body, functions) and quoted(value.orelse, functions)
    return isinstance(value, ast.Call) and ast.unparse(value.func) in functions


def test_every_function_that_makes_words_quotes_them():
    functions = words_functions()
    assert {"judge_flags", "pool_flags", "vae_flags", "hub_downloads", "overview_flags"} <= set(
        functions
    )
    for name, node in functions.items():
        results = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
        assert results
        assert name in BY_HAND or all(quoted(each, functions) for each in results), name
    assert set(functions) >= BY_HAND


@pytest.mark.slow
def test_every_value_in_a_command_is_quoted():
    """What is not, comes from a function that quotes, or is a command's own fixed name."""
    seen, functions = 0, words_functions()
    for name, rule in workflow_rules().items():
        for field in re.findall(r"\{([^{}]*)\}", rule.shellcmd or ""):
            seen += 1
            if field.endswith(":q"):
                continue
            kind, _, param = field.partition(".")
            assert kind == "params", (name, field)
            value = dict(rule.params.items())[param]
            if isinstance(value, str):
                assert re.fullmatch("[a-z0-9-]+( --[a-z]+)?", value), (name, field, value)
            else:
                maker = getattr(value, "func", value)
                known = str(maker.__module__).startswith("lens.workflow.")
                assert (known and maker.__name__ in functions) or maker.__name__ == "same_config"
    assert seen > 250
    common = ast.parse((ROOT / "workflow/rules/common.smk").read_text())
    [same_config] = [n for n in common.body if getattr(n, "name", "") == "same_config"]
    [result] = [part.value for part in ast.walk(same_config) if isinstance(part, ast.Return)]
    assert ast.unparse(result.func) == "shlex.join"


FREE = {
    "where": {f"kind {ODD}": ODD},
    "columns": {"prompt": f"p {ODD}"},
    "keep_prefix": ODD,
    "revision": ODD,
    "device": ODD,
    "opening": ODD,
    "labels": ["$(touch ran)", "`'\""],
    "response_field": f"t {ODD}",
    "gold_field": f"g {ODD}",
    "lora_targets": ["x;y", "$HOME"],
    "model": f"judge {ODD}",
}


def write_files(data):
    """Rows, a pool, a template and a model in an odd folder, by name."""
    data.mkdir()
    rows = [
        {f"p {ODD}": f"{ODD} {i}", "chosen": f"c {i}", "rejected": f"r {i}", f"kind {ODD}": kind}
        for i in range(60)
        for kind in (ODD, "x")
    ]
    answers = [{f"t {ODD}": text, f"g {ODD}": gold} for text, gold in (("a", 1.0), ("b", 2.0))]
    pool = [{"id": i, "prompt": f"other {i}", "candidates": answers} for i in range(5)]
    files = {"pairs": rows, "pool": pool, "bench": rows}
    for name, content in files.items():
        text = "".join(json.dumps(row) + "\n" for row in content)
        (data / f"{ODD_FILE} {name}.jsonl").write_text(text)
    (data / "template.txt").write_text("{prompt} {first} {second}")
    (data / "model").mkdir()
    (data / "model/config.json").write_text("{}")
    (data / "model/model.safetensors").touch()
    paths = {name: str(data / f"{ODD_FILE} {name}.jsonl") for name in files}
    return paths | {"template": str(data / "template.txt"), "model": str(data / "model")}


def config(folder):
    """A run whose every free text is odd, with files in an odd folder."""
    paths = write_files(folder / f"data {ODD_FILE}")
    load = {"model": paths["model"], **{name: FREE[name] for name in ("revision", "device")}}
    judge = {name: FREE[name] for name in ("opening", "labels")} | {"template": paths["template"]}
    endpoint = {"base_url": "http://localhost:1/v1", "model": FREE["model"]}
    pairs = {name: FREE[name] for name in ("where", "columns", "keep_prefix")}
    own_pool = {name: FREE[name] for name in ("response_field", "gold_field")}
    change = {
        "run": "odd",
        "compare": {"datasets": ["own"], "models": ["m"]},
        "datasets": {
            "own": {
                "pairs": {"path": paths["pairs"], **pairs},
                "pool": {"path": paths["pool"], "gold": True, **own_pool},
            }
        },
        "gold": {"gpu": 0, "load": load},
        "models": {
            "m": {"gpu": 0, "load": load, "embedding": {}, "generation": {"temperature": 1.0}}
        },
        "table_4": {"dataset": "own"},
        "reward_bench": {"dataset": "own", "model": "m", "path": paths["bench"]},
        "textual": {
            "datasets": ["own"],
            "models": ["m"],
            "annotator": {"model": "m"},
            "lora": {"lora_targets": FREE["lora_targets"]},
            "self_rewarding": judge,
            "methods": [
                "full_finetune",
                "full_finetune_repeat",
                "self_rewarding",
                "lora",
                "lora_repeat",
            ],
            "table_6": {"dataset": "own", "model": "m"},
        },
        "rejection_sampling": {
            "dataset": "own",
            "model": "m",
            "judge": {"kind": "endpoint", "endpoint": endpoint, **judge},
        },
    }
    return change, set(paths.values())


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory):
    """(folder, every command that its run would give, texts that they should hold, config)."""
    folder = tmp_path_factory.mktemp("odd") / f"at {ODD_FILE}"
    folder.mkdir()
    change, paths = config(folder)
    listing = run(folder, "-n", "-p", "--quiet", "progress", config=TEXT, change=change)
    assert listing.returncode == 0, listing.stdout + listing.stderr
    return folder, re.findall(r"^Shell command: (\S.*)$", listing.stdout, re.M), paths, change


@pytest.mark.slow
def test_every_free_text_arrives_as_it_stands(odd_run):
    _, commands, paths, _ = odd_run
    words = set()
    for command in commands:
        if command != "None":
            words |= {
                part for word in shlex.split(command) for part in (word, word.partition("=")[2])
            }
    free = [value for value in FREE.values() if isinstance(value, str)]
    free += [text for value in FREE.values() if isinstance(value, list) for text in value]
    free += [json.dumps(value) for value in FREE.values() if isinstance(value, dict)]
    assert {*free, *paths} <= words
    assert not {"ran1", "ran2)", "touch", "$HOME;"} & words


@pytest.mark.slow
def test_jobs_run_with_odd_texts_and_nothing_else_runs(odd_run):
    folder, _, _, change = odd_run
    stages = {
        "prepare_pairs": "report.json",
        "prepare_candidates": "metrics.json",
        "import_gold": "gold.parquet",
    }
    targets = [f"results/odd/{stage}/own/{file}" for stage, file in stages.items()]
    finished = run(folder, "--cores", 1, *targets, config=TEXT, change=change)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    report = json.loads((folder / targets[0]).read_text())
    assert report["settings"]["where"] == FREE["where"]
    assert report["settings"]["keep_prefix"] == ODD
    assert not list(Path(folder).rglob("ran*"))


@pytest.mark.slow
def test_what_the_command_line_gave_is_passed_on_as_it_stood(tmp_path):
    """To the second Snakemake that plans; braces would else be filled in like wildcards."""
    given = {"mine": f"$(touch ran) {{dataset}} {ODD}"}
    setting = f"paths={json.dumps(given)}"
    listing = run(tmp_path, "-n", "-p", "plan", "--quiet", "progress", "--config", setting)
    assert listing.returncode == 0, listing.stdout + listing.stderr
    [command] = re.findall(r"^Shell command: (.*)$", listing.stdout, re.M)
    passed = [word for word in shlex.split(command) if word.startswith("paths=")]
    assert [json.loads(word.removeprefix("paths=")) for word in passed] == [given]
