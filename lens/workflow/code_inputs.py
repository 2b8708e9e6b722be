"""Which source files a command runs, so that a change of one makes its results anew."""

import ast
import functools
from pathlib import Path


def code(root: Path, command: str) -> list[str]:
    """The command's module below `root` and all of lens that it imports, wherever in a file.

    Packages' own `__init__.py` are not followed: they are empty.
    """
    found: set[Path] = set()
    waiting = [root / "lens/cli" / f"{command}.py"]
    while waiting:
        file = waiting.pop()
        if file not in found and file.is_file():
            found.add(file)
            waiting += imported(root, file)
    return sorted(map(str, found))


@functools.cache
def imported(root: Path, file: Path) -> list[Path]:
    """Where the modules of lens that a source file imports would lie."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [root / f"{name.replace('.', '/')}.py" for name in names if name.startswith("lens.")]
