"""Calls that write a file, and whether they write it beside its place."""

import ast
import re

WRITERS = {
    "write_text",
    "write_bytes",
    "touch",
    "tofile",
    "savefig",
    "save_pretrained",
    "save_file",
    "save_model",
    "dump",
    "to_csv",
    "to_parquet",
    "to_json",
    "to_excel",
    "to_pickle",
    "to_html",
    "to_feather",
    "savez",
    "savez_compressed",
    "savetxt",
    "ParquetWriter",
    "mkstemp",
    "NamedTemporaryFile",
}


# LENS has functions of these names itself, which write by those above.
OF_LIBRARIES = re.compile(r"(np|numpy|torch)\.save|(pq|pyarrow\.parquet|parquet)\.write_\w+")


# Their own words say why: answers that were paid for are added as they come, and a torn last one is
# cut off; an empty mark has no half.
ALLOWED = {
    ("lens/textspace/endpoint.py", "open"),
    ("lens/files/shards.py", "touch"),
    ("lens/files/embedding_cache.py", "touch"),
    ("lens/warm/server.py", "write_text"),  # renamed when whole, in a folder of its own
}


def writes(node):
    """The name of the function by which a call writes a file, or None."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    name = getattr(function, "attr", getattr(function, "id", None))
    if name in ("open", "fdopen"):
        texts = [a.value for a in ast.walk(node) if isinstance(a, ast.Constant)]
        modes = [t for t in texts if isinstance(t, str) and set(t) <= set("rwaxbt+")]
        return name if any(set(mode) & set("wax+") for mode in modes) else None
    if name in ("to_csv", "to_json", "to_html"):  # without a path they return text
        places = [k for k in node.keywords if k.arg in ("path_or_buf", "path", "buf")]
        return name if node.args or places else None
    if ast.unparse(function) in ("artifacts.write_text", "write_text"):
        return None
    by_library = OF_LIBRARIES.fullmatch(ast.unparse(function))
    return name if name in WRITERS or by_library or copies(node) else None


def copies(call):
    return re.match(r"shutil\.(copy|move)", ast.unparse(call.func))


def names(*nodes):
    found = [each for node in nodes for each in ast.walk(node)]
    return {each.id for each in found if isinstance(each, ast.Name)}


def temporaries(block):
    """The names in a `with replacing(...) as x` that stand for x or were made from it."""
    found, made = set(), []  # made: (names, from what)
    for node in ast.walk(block):
        if isinstance(node, ast.withitem) and node.optional_vars:
            if ast.unparse(node.context_expr).startswith("replacing"):
                found |= names(node.optional_vars)
            made.append((names(node.optional_vars), node.context_expr))
        elif isinstance(node, ast.Assign):
            made.append((names(*node.targets), node.value))
        elif isinstance(node, ast.For):
            made.append((names(node.target), node.iter))
    for _ in made:  # each may need the one after it
        for targets, source in made:
            found |= targets if names(source) & found else set()
    return found


def goes_to(call, temporary):
    """Whether what is written may be one of these names: a copy has its place at the end."""
    place = call.args[1:] if copies(call) else [call]
    return bool(names(*place) & temporary)


def unprotected(tree):
    """Calls that write files, except those in a `with replacing(...)` to what it yields."""
    found, waiting = [], [(tree, frozenset())]
    while waiting:
        node, temporary = waiting.pop()
        if isinstance(node, ast.With) and any(
            ast.unparse(item.context_expr).startswith("replacing") for item in node.items
        ):
            temporary = temporaries(node)
        if writes(node) and not goes_to(node, temporary):
            found.append((writes(node), node.lineno))
        waiting += [(child, temporary) for child in ast.iter_child_nodes(node)]
    return found


def functions_of_rules(text):
    """The Python functions of a file of rules, which as a whole is no Python."""
    return "\n".join(re.findall(r"^def .*?(?=^[^\s)]|\Z)", text, re.DOTALL | re.MULTILINE))
