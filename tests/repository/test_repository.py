"""Files that have to say the same thing."""

import ast
import csv
import re
import sys
import tomllib
from functools import cache

import pytest
import yaml

from lens import __version__
from lens.cli import build_parser
from tests.helpers.workflow_tools import ROOT, workflow_rules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
TOOLS = {"dev", "docs"}  # for tests and the site: LENS never imports them
OPTIONAL = [name for extra, names in EXTRAS.items() for name in names if extra not in TOOLS]
PACKAGES = {"markdown_it": "markdown-it-py", "sklearn": "scikit-learn", "yaml": "pyyaml"}
PACKAGES["pydantic_core"] = "pydantic"  # which asks for one exact version of it


def normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def names(requirements):
    return {normal(re.split("[<>=]", requirement)[0]) for requirement in requirements}


def pins(lines):
    return {
        normal(name): version
        for name, version in re.findall(r"^\s*(?:- )?([\w.-]+)==(\S+)$", lines, re.MULTILINE)
    }


def test_pins_agree():
    constraints = pins((ROOT / "constraints.txt").read_text())
    environment = pins((ROOT / "environment.yml").read_text())
    # The jobs' environment holds what the default run trains on text with.
    assert set(environment) == names([*PROJECT["dependencies"], *EXTRAS["text"]])
    assert environment.items() <= constraints.items()
    for name, extra in EXTRAS.items():
        if name != "vllm":  # brings a torch of its own
            assert names(extra) <= set(constraints)


def test_every_direct_dependency_is_reviewed_at_its_pinned_version():
    constraints = pins((ROOT / "constraints.txt").read_text())
    security = (ROOT / "docs/security.md").read_text()
    with (ROOT / "docs/dependencies.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(all(row.values()) for row in rows)
    assert {row["package"]: row["version"] for row in rows} == {
        name: constraints.get(name, "not pinned")
        for name in names([*PROJECT["dependencies"], *OPTIONAL])
    }
    tools = names([*EXTRAS["dev"], *EXTRAS["docs"]])
    assert tools <= set(re.findall(r"[\w-]+", security))


def test_files_that_the_security_page_names_are_there():
    files = re.findall(r"[\w/]*test_\w+\.py", (ROOT / "docs/security.md").read_text())
    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []


def imported(file):
    """The top-level packages that a file imports, wherever in it, without those of Python."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names


@pytest.mark.slow
def test_what_is_imported_is_declared():
    library = names([*PROJECT["dependencies"], *OPTIONAL]) | {"lens"}
    assert_imports("lens", library)
    scripts = {normal(file.stem) for file in (ROOT / "benchmarks").iterdir()}
    for folder in ("tests", "benchmarks", "docs"):
        assert_imports(folder, library | names(EXTRAS["dev"]) | scripts | {"tests"})


def assert_imports(folder, known):
    for file in (ROOT / folder).rglob("*.py"):
        packages = {normal(PACKAGES.get(module, module)) for module in imported(file)}
        assert packages <= known, f"{file.relative_to(ROOT)}: not in pyproject.toml"


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    released = f"## [{__version__}] - {citation['date-released']}\n"
    assert released in (ROOT / "CHANGELOG.md").read_text()


def test_the_hosted_workflow_makes_targets_of_the_makefile():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    targets = workflow["jobs"]["make"]["strategy"]["matrix"]["target"]
    assert {"check", "test", "demo"} == set(targets)  # check is lint, types and the fast tests
    assert set(targets) <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.slow
def test_rules_commands_modules_and_logs_share_a_name():
    commands = {
        action.dest if isinstance(action, str) else name
        for action in build_parser()._subparsers._group_actions
        for name in action.choices
    }
    rules = {name: rule for name, rule in workflow_rules().items() if rule.shellcmd}
    assert len(rules) > 60
    del rules["report"]  # which Snakemake itself draws
    for name, rule in rules.items():
        own = "gather_candidates" if name.startswith("gather_") else name
        own = name if name == "gather_embeddings" else own
        words = {key: str(value) for key, value in rule.params.items()}
        if "_at_" in name:  # several cells share a job
            own = name = name.partition("_at_")[0]
            assert words["command"].startswith(f"{own.replace('_', '-')} ")
            words["command:q"] = words["command"]
        said = rule.shellcmd.replace("{params.launch}", "python -m lens")
        on_gpus = said.removeprefix("python -m lens.files.gpus {resources.gpu:q} ")
        assert ("gpu" in rule.resources) == (on_gpus != said), name
        said = on_gpus
        said = said.replace("lens each --command", "lens")
        for key in ("command", "command:q", "reads"):
            said = said.replace(f"{{params.{key}}}", words.get(key, ""))
        assert said.startswith(f"python -m lens {own.replace('_', '-')} "), said
        code = [str(file) for file in rule.input.code]
        assert str(ROOT / f"lens/cli/{own}.py") in code
        assert f"/{name}" in str(rule.log[0])
        assert rule.conda_env
        if rule.output:  # a benchmark counts as one, so that the rule would run once only
            assert f"/benchmarks/{name}" in str(rule.benchmark)
        local = rule.name in rule.workflow._localrules
        assert local or {"mem_mb", "runtime"} <= set(rule.resources), name
    left = {"gather_gold", "gather_responses", "gather_scores"}
    named = {rule.partition("_at_")[0].replace("_", "-") for rule in set(rules) - left}
    assert named <= commands


def test_nothing_is_pickled():
    for file in (ROOT / "lens").rglob("*.py"):
        text = file.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|dill|joblib)", text, re.MULTILINE), file
        assert "torch.load" not in text, file
        assert "torch.save" not in text, file
        assert "allow_pickle=True" not in text, file


@cache
def defined(module):
    """The names that a module binds at its top, by its source alone."""
    names = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names


@pytest.mark.slow
def test_what_is_imported_late_is_there():
    """Commands import when they run, so a wrong name would wait until then."""
    for file in (ROOT / "lens").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lens."):
                module = ROOT / node.module.replace(".", "/")
                source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
                for alias in node.names:
                    found = (module / f"{alias.name}.py").exists()
                    found = found or alias.name in defined(source)
                    assert found, f"{file.relative_to(ROOT)}: {node.module}.{alias.name}"
