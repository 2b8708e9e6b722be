"""Rows of embeddings read from shards, by place and alone."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from lens.files import artifacts
from lens.files.embeddings import read_embedded


def test_rows_come_across_files_by_place_mask_and_slice(tmp_path):
    rng = np.random.default_rng(0)
    array = rng.normal(size=(10, 3)).astype(np.float32)
    table = pd.DataFrame({"id": range(10)})
    artifacts.write_table(tmp_path / "t.parquet", table)
    parts = []
    for number, rows in enumerate((slice(0, 4), slice(4, 4), slice(4, 10))):
        path = tmp_path / f"{number}.safetensors"
        artifacts.write_embeddings(path, {"x": array[rows]}, "float32", {})
        parts.append({"file": path.name, "sha256": artifacts.sha256(path)})
    index = {"shards": parts, "rows_sha256": artifacts.sha256(tmp_path / "t.parquet")}
    artifacts.write_json(tmp_path / "e.json", index)
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.json")
    for places in (
        slice(None),
        [9, 0, 4, 3, 3],
        np.array([], int),
        array[:, 0] > 0,
        slice(7, 2, -2),
    ):
        assert np.array_equal(found["x"][places], array[places])
    assert found["x"].shape == (10, 3)


@pytest.mark.slow
def test_rows_are_read_alone(tmp_path):
    """64 MB of embeddings, of which a hundred rows are asked for."""
    count, width = 20_000, 1600
    artifacts.write_table(tmp_path / "t.parquet", pd.DataFrame({"id": np.arange(count)}))
    about = {"rows_sha256": artifacts.sha256(tmp_path / "t.parquet")}
    array = np.ones((count, width), np.float32)
    artifacts.write_embeddings(tmp_path / "e.safetensors", {"x": array}, "float16", about)
    del array
    tracemalloc.start()
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.safetensors")
    some = found["x"][np.arange(0, count, 200)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert some.shape == (100, width)
    assert peak < 8e6
