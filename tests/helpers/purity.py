"""Finding, in source code, what makes a result depend on the clock, hashes or a folder's order."""

import ast
import re
from textwrap import dedent

CLOCKS = {
    "time",
    "time_ns",
    "perf_counter",
    "perf_counter_ns",
    "monotonic",
    "monotonic_ns",
    "process_time",
    "localtime",
    "gmtime",
    "strftime",
    "ctime",
    "now",
    "utcnow",
    "today",
}
LISTINGS = {"listdir", "scandir", "walk", "glob", "rglob", "iglob", "iterdir"}
# Sums of floats and the first of equals depend on the order.
ORDERLESS = {"sorted", "any", "all", "set", "frozenset", "len"}
ORDERED = {
    "list",
    "tuple",
    "enumerate",
    "iter",
    "array",
    "Series",
    "join",
    "fromkeys",
    "next",
    "sum",
    "max",
    "min",
}
DRAWS = {
    "rand",
    "randn",
    "randint",
    "randperm",
    "normal",
    "bernoulli",
    "multinomial",
    "rand_like",
    "randn_like",
    "normal_",
    "uniform_",
    "bernoulli_",
    "exponential_",
}
SEEDED = {"default_rng", "Generator", "SeedSequence", "PCG64"}


def python_parts(text):
    """What is Python in a file of Snakemake's: all of it, or what stands in its sections."""
    if _is_python(text):
        return [text]
    sections = re.findall(r"^( *)[a-z_]+:(?:\n((?:\1 +.*\n|\s*\n)*)| (.*)\n)", text, re.M)
    parts = [f"section(\n{dedent(block or line)}\n)" for _, block, line in sections]
    return list(filter(_is_python, parts))


def _is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def sins(source):
    """{(kind, line, function)}: kinds are clock, hash, folder, set, numpy, random, torch and
    entropy; the function is the outermost that holds the line, or ""."""
    tree = ast.parse(source)
    _name_sets(tree)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return {
        (kind, getattr(node, "iter", node).lineno, _function(node, above))
        for node in ast.walk(tree)
        for kind in _of(node, above, modules)
    }


def _of(node, above, modules):
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        yield from ["clock"] if node.module == "time" and names & CLOCKS else []
        yield from ["random"] if node.module == "random" and names - {"Random"} else []
        yield from ["entropy"] if node.module in ("uuid", "secrets") else []
    elif isinstance(node, ast.Import):
        yield from ["entropy"] if {a.name for a in node.names} & {"uuid", "secrets"} else []
    elif isinstance(node, ast.For | ast.comprehension):
        ordered = isinstance(node, ast.For) or not _forgets_order(above[node], above)
        if ordered and _is_set(node.iter):
            yield "set"
    elif isinstance(node, ast.Call):
        yield from _of_call(node, above, modules)


def _of_call(node, above, modules):
    name = _name(node.func)
    owner = _name(node.func.value) if isinstance(node.func, ast.Attribute) else None
    of_torch = name.endswith("_") or owner == "torch"
    if name in CLOCKS and owner in ("time", "datetime", "date"):
        yield "clock"
    if name == "hash" and owner is None:
        yield "hash"
    if name in LISTINGS and owner != "ast" and not _forgets_order(node, above):
        yield "folder"
    if name in ORDERED and any(map(_is_set, node.args)) and not _forgets_order(node, above):
        yield "set"
    if owner == "random" and _is_numpy(node.func) and (name not in SEEDED or not node.args):
        yield "numpy"
    if (owner == "random" and "random" in modules and not _is_numpy(node.func)) or (
        name == "Random" and not node.args
    ):
        yield "random"
    if name in DRAWS and of_torch and not any(k.arg == "generator" for k in node.keywords):
        yield "torch"
    if name == "urandom":
        yield "entropy"


def _name(node):
    return getattr(node, "id", None) or getattr(node, "attr", "")


def _is_numpy(func):
    """Whether a call is of np.random."""
    return isinstance(func.value, ast.Attribute) and _name(func.value.value) in ("np", "numpy")


def _function(node, above):
    found = ""
    while node in above:
        node = above[node]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = node.name
    return found


def _name_sets(tree):
    """Marks every name that its function gives a set and nothing else."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in [tree, *functions]:
        own = list(_own_nodes(function))
        given = [
            (target, node.value)
            for node in own
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in getattr(node, "targets", None) or [node.target]
        ]
        uses = [node for node in own if isinstance(node, ast.Name)]
        for _ in range(3):  # a = set(b); c = a; d = c
            sets = {t.id for t, value in given if isinstance(t, ast.Name) and _is_set(value)}
            sets -= {t.id for t, value in given if isinstance(t, ast.Name) and not _is_set(value)}
            for node in uses:
                node.of_set = node.id in sets


def _own_nodes(function):
    """The nodes of a function, or of a module, but for those of functions in it."""
    todo = list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo.extend(ast.iter_child_nodes(node))


def _is_set(node):
    if isinstance(node, ast.Name):
        return getattr(node, "of_set", False)
    if isinstance(node, ast.BinOp):
        return _is_set(node.left) or _is_set(node.right)
    return isinstance(node, ast.Set | ast.SetComp) or (
        isinstance(node, ast.Call) and _name(node.func) in ("set", "frozenset")
    )


def _forgets_order(node, above):
    """Whether what is made here goes into sorted(...), any(...) or their like, or into a set."""
    while node in above and not isinstance(node, ast.stmt):
        if isinstance(node, ast.SetComp):
            return True
        if isinstance(node, ast.Call) and _name(node.func) in ORDERLESS:
            return True
        node = above[node]
    return False
