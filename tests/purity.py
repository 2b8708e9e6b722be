"""Finding, in source code, what makes a result depend on the clock, hashes or a folder's order."""

import ast

CLOCKS = {
    "time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns",
    "process_time", "localtime", "gmtime", "strftime", "ctime", "now", "utcnow", "today",
}  # fmt: skip
LISTINGS = {"listdir", "scandir", "walk", "glob", "rglob", "iglob", "iterdir"}
ORDERLESS = {"sorted", "any", "all", "set", "frozenset", "len", "sum", "max", "min"}
ORDERED = {"list", "tuple", "enumerate", "iter", "array", "Series", "join", "fromkeys", "next"}
DRAWS = {
    "rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "rand_like",
    "randn_like", "normal_", "uniform_", "bernoulli_", "exponential_",
}  # fmt: skip
SEEDED = {"default_rng", "Generator", "SeedSequence", "PCG64"}


def sins(source):
    """{(kind, line)}: kinds are clock, hash, folder, set, numpy, random, torch and entropy."""
    tree = ast.parse(source)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return {
        (kind, getattr(node, "iter", node).lineno)
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


def _is_set(node):
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
