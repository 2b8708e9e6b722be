"""`lens each`: one command several times in one process."""

import json
import shlex

import pytest

from lens.cli import main

WORLD = "build-world --seed 3 --corpus 5 --gold-corpus 5 --temperature 0.9"


def test_runs_leave_what_single_commands_leave(tmp_path, capsys):
    cells = [
        f"{name} --pairs {count} --out {shlex.quote(str(tmp_path / f'all of/{name}'))}"
        for name, count in (("few/x1", 4), ("more/x1", 6))
    ]
    record = tmp_path / "record.json"
    main(["each", "--command", WORLD, "--cells", *cells, "--record", str(record)])
    assert json.loads(record.read_text()) == ["few/x1", "more/x1"]
    assert "few/x1\n" in capsys.readouterr().out
    main([*shlex.split(WORLD), "--pairs", "6", "--out", str(tmp_path / "alone")])
    for file in (tmp_path / "alone").iterdir():
        assert (tmp_path / "all of/more/x1" / file.name).read_bytes() == file.read_bytes()
    lines = (tmp_path / "all of/few/x1/dialogue.jsonl").read_text().splitlines()
    assert len(lines) == 4


def test_a_run_that_fails_ends_it_without_a_record(tmp_path, capsys):
    record, out = tmp_path / "record.json", tmp_path / "b"
    good = f"b --pairs 4 --out {out}"
    with pytest.raises(SystemExit):
        main(["each", "--command", WORLD, "--cells", "a --pairs x", good, "--record", str(record)])
    assert "invalid int value: 'x'" in capsys.readouterr().err
    assert not record.exists()
    assert not out.exists()
