"""Files: whole or not there, the same bytes for the same content."""

import json
import os
import stat
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.files import artifacts


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.txt"
    artifacts.write_text(path, "old")

    def write_half():
        with artifacts.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.txt"]


def test_json_has_the_same_bytes_whatever_the_order_and_no_nan(tmp_path):
    artifacts.write_json(tmp_path / "a.json", {"b": 1, "a": [0.1]})
    artifacts.write_json(tmp_path / "b.json", {"a": [0.1], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    with pytest.raises(LensError, match="not finite: x = nan"):
        artifacts.write_json(tmp_path / "c.json", {"x": float("nan")})
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_come_back_to_the_last_digit(tmp_path, suffix):
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=50), "n": range(50)})
    artifacts.write_table(tmp_path / f"t.{suffix}", table)
    pd.testing.assert_frame_equal(
        artifacts.read_table(tmp_path / f"t.{suffix}"), table, check_exact=True
    )


def test_arrays_and_their_description_come_back(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    artifacts.write_arrays(tmp_path / "a.safetensors", {"x": array.T}, {"made": "here"})
    assert np.array_equal(artifacts.read_arrays(tmp_path / "a.safetensors")["x"], array.T)
    assert artifacts.read_about(tmp_path / "a.safetensors") == {"made": "here"}


def test_metrics_name_settings_versions_and_input_hashes(tmp_path):
    artifacts.write_text(tmp_path / "in.txt", "abc")
    artifacts.write_metrics(
        tmp_path / "m.json", {"seed": 3}, {"text": tmp_path / "in.txt"}, {"loss": 0.5}
    )
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["settings"] == {"seed": 3}
    assert found["metrics"] == {"loss": 0.5}
    # the SHA-256 of "abc", from FIPS 180-2
    assert found["inputs"]["text"].startswith("ba7816bf8f01cfea414140de5dae2223")
    assert found["versions"]["numpy"] == np.__version__


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LensError, match=r"none\.json: no such file"):
        artifacts.read_json(tmp_path / "none.json")


@pytest.mark.slow
def test_arrays_and_what_is_said_about_them_have_the_same_bytes_in_every_process(tmp_path):
    about = {f"key {i}": str(i) for i in range(20)}
    code = (
        "import sys, numpy; from lens.files.artifacts import write_arrays;"
        f"write_arrays(sys.argv[1], {{'x': numpy.ones(3)}}, {about!r})"
    )
    for name in "ab":
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert artifacts.read_about(tmp_path / "a") == about


def test_files_may_be_read_by_whom_the_umask_lets(tmp_path):
    old = os.umask(0o027)
    try:
        artifacts.write_arrays(tmp_path / "a.safetensors", {"x": np.ones(3)})
        artifacts.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(old)
    for name in ("a.safetensors", "a.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640
