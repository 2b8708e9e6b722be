"""Rules of the code's layout that no linter has. The direction of imports is in pyproject.toml."""

import ast
from functools import cache

from tests.helpers.workflow_tools import ROOT

LARGE_PACKAGES = {"lens/cli", "lens/paper"}  # one module per subcommand, one per table or figure
MODULES = 14
FILE_LINES = 350
FUNCTION_LINES = 60
APART = {"benchmarks", "end_to_end", "mutation", "repository", "security", "torture"}


def python_files(*folders):
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


@cache
def nodes(file):
    """The module and its statements, at any depth; expressions are left out, to save time."""
    found = [ast.parse(file.read_text(encoding="utf-8"))]
    for node in found:  # which grows
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, block, [])
            found += inner if isinstance(inner, list) else []
    return found


def relative(file):
    return str(file.relative_to(ROOT))


def test_packages_are_small():
    packages = [init.parent for init in (ROOT / "lens").rglob("__init__.py")]
    assert len(packages) > 10
    modules = {relative(package): len(list(package.glob("*.py"))) - 1 for package in packages}
    large = {name for name, count in modules.items() if count > MODULES}
    assert large <= LARGE_PACKAGES


def test_packages_export_nothing_of_their_modules():
    """The rules' list of what a stage's code is follows modules, never an `__init__.py`."""
    public = {ROOT / "lens/__init__.py", ROOT / "lens/cli/__init__.py"}
    for init in set((ROOT / "lens").rglob("__init__.py")) - public:
        code = [node for node in nodes(init)[0].body if not is_text(node)]
        assert code == [], f"{relative(init)} may hold a docstring alone"


def test_tests_mirror_the_packages():
    tests = {file.parent.relative_to(ROOT / "tests") for file in ROOT.glob("tests/**/test_*.py")}
    mirrored = {str(folder) for folder in tests} - APART
    assert [folder for folder in mirrored if not (ROOT / "lens" / folder).is_dir()] == []
    packages = {init.parent.name for init in ROOT.glob("lens/*/__init__.py")}
    assert packages - mirrored == set()


def test_no_test_module_imports_another():
    """What several share is in tests/helpers."""
    found = []
    for file in python_files("tests"):
        for node in nodes(file):
            if isinstance(node, ast.Import | ast.ImportFrom):
                package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                modules = [package + alias.name for alias in node.names]
                found += [
                    relative(file)
                    for name in modules
                    if name.startswith("tests.") and ".test_" in name
                ]
    assert found == []


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_files_are_short():
    files = python_files("lens", "workflow", "tests", "benchmarks", "docs")
    files += [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    lines = {relative(file): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}


def test_functions_are_short():
    """Their branches are counted by ruff."""
    functions = {
        f"{relative(file)}: {node.name}": node.end_lineno - node.lineno + 1
        for file in python_files("lens", "workflow", "tests", "benchmarks", "docs")
        for node in nodes(file)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in functions.items() if count > FUNCTION_LINES} == {}


@cache
def names_in(module):
    """What a module of lens offers: its definitions, imports, variables and submodules."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = {inner.stem for inner in path.glob("*")}
    for node in nodes(file):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names


def test_scripts_import_names_that_exist():
    """mypy looks at the library alone, and a benchmark is run by hand."""
    missing = [
        (relative(file), node.module, alias.name)
        for file in python_files("benchmarks", "docs", "tests")
        for node in nodes(file)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lens.")
        for alias in node.names
        if alias.name not in names_in(node.module)
    ]
    assert missing == []
