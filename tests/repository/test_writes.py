"""Nothing in the source writes a file in its place."""

import ast
import re

import pytest

from tests.helpers.workflow_tools import ROOT
from tests.helpers.writes import ALLOWED, functions_of_rules, unprotected


@pytest.mark.slow
def test_nothing_is_written_in_its_place():
    found = set()
    files = [*(ROOT / "lens").rglob("*.py"), *(ROOT / "workflow/rules").glob("*.smk")]
    for file in sorted(files):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"^\s+run:", text, re.MULTILINE) or file.suffix == ".py", file
        python = functions_of_rules(text) if file.suffix == ".smk" else text
        for name, line in unprotected(ast.parse(python)):
            place = str(file.relative_to(ROOT))
            found.add((place, name))
            assert (place, name) in ALLOWED, f"{place}:{line}: {name}"
    assert found == ALLOWED


@pytest.mark.parametrize(
    "call",
    [
        "open(path, 'w')",
        "path.open('ab')",
        "table.to_parquet(path)",
        "model.save_pretrained(path)",
        "Path(path).write_text(text)",
        "shutil.copy2(one, path)",
        "np.save(path, array)",
        "np.savez(path, array)",
        "numpy.savez_compressed(path, array)",
        "np.savetxt(path, array)",
        "torch.save(model, path)",
        "pq.write_table(table, path)",
        "pq.ParquetWriter(path)",
    ],
)
def test_writing_in_place_would_be_seen(call):
    assert seen(call)
    assert seen(f"with replacing(path) as t:\n    {call}")
    assert not seen(f"with replacing(p) as path:\n    {call}")
    assert not seen(f"with replacing_folder(p) as t:\n    path = t / 'a'\n    {call}")
    assert not seen(f"with replacing(p) as t, open(t, 'wb') as path:\n    {call}")
    assert seen(f"with replacing(p) as path:\n    pass\n{call}")
    rules = "rule all:\n    input: a\n\n\ndef f(\n    a,\n):\n    CALL\n\n\nrule b:\n    input: c\n"
    assert seen(functions_of_rules(rules.replace("CALL", call)))


def seen(code):
    return unprotected(ast.parse(code))


def test_reading_is_no_writing_and_a_copy_goes_to_its_second_place():
    for call in (
        "open(path)",
        "open(path, 'rb')",
        "table.to_json(orient='values')",
        "np.load(path)",
        "artifacts.write_table(path, table)",
        "model.save(path)",
    ):
        assert not seen(call), call
    assert seen("with replacing(p) as t:\n    shutil.copy(t, elsewhere)")
