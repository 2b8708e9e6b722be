"""Exports of labelling tools in which anything may be anything: pairs or a LensError, no more."""

import copy

import pytest

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from tests.helpers import argilla_exports
from tests.helpers.labelstudio_exports import annotation, flat, picks, task

ODD = [
    None,
    "",
    "x",
    7,
    1.5,
    float("nan"),
    True,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"x": []},
    {"rank": 1},
]
RANKED = argilla_exports.RANKED
ITEMS = [{"id": "x", "body": "a"}, {"id": "y", "body": "b"}]
EXPORTS = {
    "pairwise": [task(picks("right"), predictions=[{}])] * 2,
    "ranker": [
        task(
            annotation({"ranker": {"r": ["x", "y"]}}, "ranker"),
            data={"prompt": "p", "items": ITEMS},
        )
    ],
    "json_min": [flat(1, [{"selected": "right"}], 1)] * 2,
    "choices": [flat(1, [{"choices": ["a", "b"]}], 1)],
    **{
        f"{name} {kind}": [layout(argilla_exports.said(value))] * 2
        for name, layout in argilla_exports.LAYOUTS.items()
        for kind, value in (("label", "response-2"), ("rank", RANKED), ("list", ["response-1"]))
    },
}


def paths(value, before=()):
    """Where every part of a nested value stands."""
    yield before
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from paths(inner, (*before, key))


def put(value, path, odd):
    *way, last = path
    for key in way:
        value = value[key]
    value[last] = copy.deepcopy(odd)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_one_odd_part_gives_pairs_or_a_reason(name):
    """Of two equal rows the first and the second take turns: each odd value is in one of them."""
    rows, reasons = EXPORTS[name], []
    for path in paths(rows):
        turn = slice(path[0] % 2, None, 2) if len(rows) > 1 and path else slice(None)
        for odd in ODD[turn] if len(path) > 1 else []:
            changed = copy.deepcopy(rows)
            put(changed, path, odd)
            try:
                to_pairs([(f"f, row {n}", row) for n, row in enumerate(changed, 1)])
            except LensError as error:
                reasons.append(str(error))
            except Exception as error:
                raise AssertionError(f"{path} = {odd!r}: {error!r}") from error
    assert all(reason.startswith("f, row") for reason in reasons)
