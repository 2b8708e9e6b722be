"""Files that have to say the same thing."""

import ast
import re
import tomllib

import yaml

from lens import __version__
from lens.cli import build_parser
from tests.helpers.workflow_tools import ROOT


def pins(lines):
    return {
        re.sub("[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^\s*(?:- )?([\w.-]+)==(\S+)$", lines, re.MULTILINE)
    }


def test_pins_agree():
    constraints = pins((ROOT / "constraints.txt").read_text())
    environment = pins((ROOT / "environment.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {re.split("[<>=]", line)[0] for line in project["dependencies"]}
    extras = project["optional-dependencies"]
    # The jobs' environment holds what the default run trains on text with.
    assert set(environment) == direct | {re.split("[<>=]", line)[0] for line in extras["text"]}
    assert environment.items() <= constraints.items()
    for name, extra in extras.items():
        if name != "vllm":  # brings a torch of its own
            assert {re.split("[<>=]", line)[0] for line in extra} <= set(constraints)


def test_every_direct_dependency_is_reviewed_at_its_pinned_version():
    constraints = pins((ROOT / "constraints.txt").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [
        *project["dependencies"],
        *(n for extra, ns in extras.items() for n in ns if extra != "dev"),
    ]
    security = (ROOT / "docs/security.md").read_text()
    reviewed = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([\w. ]+) \|", security, re.MULTILINE))
    assert reviewed == {
        name: constraints.get(name, "not pinned")
        for name in (re.split("[<>=]", line)[0] for line in named)
    }
    assert all(name in security for name in (re.split("[<>=]", n)[0] for n in extras["dev"]))
    for file in re.findall(r"test_\w+\.py", security):
        assert (ROOT / "tests" / file).is_file(), file


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_rules_commands_modules_and_logs_share_a_name():
    commands = {
        action.dest if isinstance(action, str) else name
        for action in build_parser()._subparsers._group_actions
        for name in action.choices
    }
    rules = set()
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        text = file.read_text()
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", text, re.M | re.S):
            rules.add(name)
            command = name.replace("_", "-")
            assert re.search(rf"(python -m lens|{{params.launch}}) {command} ", body)
            assert f'code("{name}")' in body
            assert f"<logs>/{name}" in body
            if "output:" in body:  # a benchmark counts as one, so that the rule would run once only
                assert f"<benchmarks>/{name}" in body
    assert {rule.replace("_", "-") for rule in rules} <= commands


def test_nothing_is_pickled():
    for file in (ROOT / "lens").rglob("*.py"):
        text = file.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|dill|joblib)", text, re.MULTILINE), file
        assert "torch.load" not in text, file
        assert "torch.save" not in text, file
        assert "allow_pickle=True" not in text, file


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
