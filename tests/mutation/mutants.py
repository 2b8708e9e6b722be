"""Small changes to a source file, one at a time, that a good test should notice.

The operators, chosen before any result was seen and close to those of mutmut and PIT:

- arithmetic and bits: + and -, * and /, // to /, % to /, ** to *, @ to *, & and |, << and >>
- an augmented assignment becomes a plain one, or has its operator changed as above
- comparisons: < and <=, > and >=, == and !=, is and is not, in and not in
- conditions (of if, a ternary, a comprehension; while: False alone) become True and False
- and becomes or, or becomes and; `not x`, `-x` and `~x` become x
- numbers n become n + 1, and 1 becomes 0; True and False change places
- texts become "XX...XX"; slices lose either bound
- keyword arguments are left out, unless True or False, which change places already
- a method called without arguments is left out: x.f() becomes x
- names called: min and max, any and all, floor and ceil, sum and mean, zeros and ones, startswith
  and endswith, partition and rpartition
- `return x` becomes `return None`
- statements left out: calls for their effect, raise, augmented assignments, assignments to an
  attribute or an item, break, continue

Left alone: docstrings, annotations, decorators, the literal parts of f-strings, and the words of
error messages, that is, texts under `raise` that are no identifiers. Default values are changed.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

TURNED = """
    Add Sub, Sub Add, Mult Div, Div Mult, FloorDiv Div, Mod Div, Pow Mult, MatMult Mult,
    BitAnd BitOr, BitOr BitAnd, LShift RShift, RShift LShift, Lt LtE, LtE Lt, Gt GtE, GtE Gt,
    Eq NotEq, NotEq Eq, Is IsNot, IsNot Is, In NotIn, NotIn In, And Or, Or And
"""
OPERATORS = {getattr(ast, old): getattr(ast, new) for old, new in map(str.split, TURNED.split(","))}
PAIRS = ["min max", "any all", "floor ceil", "sum mean", "zeros ones"]
PAIRS += ["startswith endswith", "partition rpartition"]
CALLED = {a: b for pair in map(str.split, PAIRS) for a, b in (pair, pair[::-1])}
UNTOUCHED = {"annotation", "returns", "decorator_list", "format_spec"}


@dataclass(frozen=True)
class Mutant:
    """One change: the lines of its statement, its function, the statement before and after."""

    lines: range
    function: str
    original: str
    mutated: str
    code: CodeType


@dataclass(frozen=True)
class Place:
    """Where a node hangs in the tree: `parent.field`, or an item of that list."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    statement: ast.stmt
    function: str
    raised: bool

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(source: str, name: str = "<mutant>") -> Iterator[Mutant]:
    """Every mutant of a source text, in its order."""
    tree = ast.parse(source)
    for place in list(_places(tree, None, "", False)):
        for new in _replacements(place):
            before = _text(place.statement)
            place.put(ast.copy_location(new, place.node))
            after = _text(new if place.node is place.statement else place.statement)
            code = compile(ast.fix_missing_locations(copy.deepcopy(tree)), name, "exec")
            place.put(place.node)
            yield Mutant(_lines(place.statement), place.function, *_differing(before, after), code)


def _places(node, statement, function, raised) -> Iterator[Place]:
    for field, value in ast.iter_fields(node):
        if field in UNTOUCHED:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_text_alone(child):
                continue
            own = child if isinstance(child, ast.stmt) else statement
            below = raised or isinstance(child, ast.Raise)
            yield Place(node, field, index, child, own, function, below)
            name = getattr(child, "name", None) if isinstance(child, ast.stmt) else None
            inner = f"{function}.{name}".lstrip(".") if name else function
            yield from _places(child, own, inner, below)


def _is_text_alone(node: ast.AST) -> bool:
    value = getattr(node, "value", None) if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _replacements(place: Place) -> Iterator[ast.AST]:
    if place.field in ("test", "ifs"):
        values = (False,) if isinstance(place.parent, ast.While) else (True, False)
        yield from map(ast.Constant, values)
    yield from _expressions(place)
    yield from _statements(place.node)


def _expressions(place: Place) -> Iterator[ast.AST]:
    match place.node:
        case ast.BinOp(left=left, op=op, right=right):
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(OPERATORS[type(op)](), values)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for i, op in enumerate(ops):
                yield ast.Compare(left, [*ops[:i], OPERATORS[type(op)](), *ops[i + 1 :]], others)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from map(ast.Constant, _values(value, place))
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower:
                yield ast.Slice(None, upper, step)
            if upper:
                yield ast.Slice(lower, None, step)
        case ast.Call() as call:
            yield from _calls(call)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.AugAssign(target=target, op=op, value=value):
            yield ast.Assign([target], value)
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
            yield ast.Pass()
        case ast.Return(value=value) if value and ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.Assign(targets=targets):
            if not any(isinstance(target, ast.Name | ast.Tuple) for target in targets):
                yield ast.Pass()
        case ast.Expr() | ast.Raise() | ast.Break() | ast.Continue():
            yield ast.Pass()


def _values(value: object, place: Place) -> list:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, 0] if value == 1 else [value + 1]
    message = place.raised and not str(value).isidentifier()
    if isinstance(value, str) and not message and not isinstance(place.parent, ast.JoinedStr):
        return [f"XX{value}XX"]
    return []


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    for i, keyword in enumerate(node.keywords):
        flipped = isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, bool)
        if keyword.arg and not flipped:
            yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])
    if isinstance(node.func, ast.Attribute):
        if not node.args and not node.keywords:
            yield node.func.value
        if node.func.attr in CALLED:
            swapped = ast.Attribute(node.func.value, CALLED[node.func.attr], ast.Load())
            yield ast.Call(swapped, node.args, node.keywords)
    elif isinstance(node.func, ast.Name) and node.func.id in CALLED:
        yield ast.Call(ast.Name(CALLED[node.func.id], ast.Load()), node.args, node.keywords)


def _header(statement: ast.stmt) -> ast.stmt:
    """A compound statement without what stands below it."""
    shallow = copy.copy(statement)
    for field in ("body", "orelse", "finalbody", "handlers", "decorator_list"):
        if isinstance(getattr(statement, field, None), list):
            setattr(shallow, field, [])
    return shallow


def _text(statement: ast.stmt) -> str:
    return " ".join(ast.unparse(_header(statement)).split())


def _lines(statement: ast.stmt) -> range:
    """The lines on which a statement stands, of a compound one its header's."""
    body = getattr(statement, "body", None)
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
    return range(first, max(first, body[0].lineno - 1 if body else statement.end_lineno) + 1)


def _differing(before: str, after: str, around: int = 40) -> tuple[str, str]:
    """Both texts cut to what differs and some of what stands round it."""
    start = _first_difference(before, after)
    end = _first_difference(before[::-1], after[::-1])
    end = min(end, len(before) - start, len(after) - start)
    start, end = max(0, start - around), max(0, end - around)
    return tuple(
        ("..." if start else "") + text[start : len(text) - end] + ("..." if end else "")
        for text in (before, after)
    )


def _first_difference(one: str, other: str) -> int:
    """The place of the first character that differs, 0 if one text begins with the other."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), 0)
