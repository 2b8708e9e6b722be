"""What a config says reaches a command as it stands, and no shell makes anything of it."""

import ast
import json
import re
import shlex
import textwrap
from pathlib import Path

import pytest

from tests.helpers.workflow_tools import ROOT, TEXT, run

HELPERS = sorted((ROOT / "workflow/rules").glob("common*.smk"))
RULES = [ROOT / "Snakefile", *sorted({*(ROOT / "workflow/rules").glob("*.smk")} - {*HELPERS})]
ODD = '-O\'B "q" $(touch ran1) `touch ran2` ;touch ran3;& | * ~ # ! -é %s \\ {a b} <x y>'
ODD_FILE = re.sub("[/{}<>]", "", ODD)
# Texts that are put together by hand: of numbers, fixed names, and shlex.quote.
BY_HAND = {"launch", "shard_flags", "labels_flag"}


def rules(texts):
    """(name, {param: its expression}, shell command) of every rule or checkpoint with a command,
    also of those that stand within an `if`."""
    rule = re.compile(r"^( *)(?:rule|checkpoint) (\w+):\n((?:\1 +.*\n|\s*\n)*)", re.M)
    for _, name, body in (match for text in texts for match in rule.findall(f"{text}\n")):
        body = textwrap.dedent(body)
        found = re.search(r"^params:\n(.*?)(?=^\w|\Z)", body, re.M | re.S)
        params = ast.parse(f"dict(\n{found[1]}\n)").body[0].value.keywords if found else []
        shell = re.search(r"^shell:\n?(.*?)(?=^\w|\Z)", body, re.M | re.S)
        if shell:
            command = ast.literal_eval(f"(\n{textwrap.dedent(shell[1])}\n)")
            yield name, {param.arg: param.value for param in params}, command


def quoting_helpers():
    """Helpers all of whose results come from `flags`, shlex.join or one another, or are empty."""
    results = {
        node.name: [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
        for file in HELPERS
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    found, before = {"flags", *BY_HAND}, set()
    while found != before:
        before = set(found)
        found |= {n for n, r in results.items() if r and all(quoted(each, found) for each in r)}
    return found


def quoted(value, helpers):
    """Whether an expression is a text that a shell reads as whole words."""
    if isinstance(value, ast.Lambda):
        return quoted(value.body, helpers)
    if isinstance(value, ast.IfExp):
        return quoted(value.body, helpers) and quoted(value.orelse, helpers)
    if isinstance(value, ast.Constant):
        return value.value == ""
    if isinstance(value, ast.Name):
        return value.id in helpers
    return isinstance(value, ast.Call) and ast.unparse(value.func) in {*helpers, "shlex.join"}


def test_every_value_in_a_command_is_quoted():
    helpers, seen = quoting_helpers(), 0
    assert {"judge_settings", "pool_settings", "same_config", "vae_flag"} <= helpers
    for rule, params, command in rules(file.read_text() for file in RULES):
        for field in re.findall(r"\{([^{}]*)\}", command):
            seen += 1
            if not field.endswith(":q"):
                kind, _, param = field.partition(".")
                assert kind == "params", (rule, field)
                assert quoted(params[param], helpers), (rule, field)
    assert seen > 300


def test_every_command_is_read():
    """Each `shell:` of the rule files belongs to a rule that is found, whatever kind it is."""
    texts = [file.read_text() for file in RULES]
    assert {file.name[0] for file in RULES} > {"S", "d", "t"}
    assert not any(re.search(r"^ *shell:", file.read_text(), re.M) for file in HELPERS)
    written = sum(len(re.findall(r"^ *shell:", text, re.M)) for text in texts)
    assert len(list(rules(texts))) == written
    body = "    params:\n        a=f(),\n    shell:\n        'x {params.a}'\n"
    plain = f"rule one:\n{body}\ncheckpoint two:\n{body}"
    within = textwrap.indent(f"rule three:\n{body}\nrule four:\n    shell: 'y'\n", "    ")
    found = [(*each[::2], *each[1]) for each in rules([f"{plain}\nif True:\n\n{within}"])]
    told = [(name, "x {params.a}", "a") for name in ("one", "two", "three")]
    assert found == [*told, ("four", "y")]


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
