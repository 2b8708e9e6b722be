"""Rows of embeddings read from shards, by place and alone."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.files import artifacts
from lens.files.embeddings import distinct_texts, read_embedded


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


def rated():
    """Four answers to one prompt in all their pairs, and a prompt with two answers that stands
    among them; one answer is that of another prompt too."""
    pairs = [("p", a, b) for a in "abcd" for b in "abcd" if a < b]
    pairs.insert(2, ("q", "a", "e"))
    table = pd.DataFrame(pairs, columns=["prompt", "chosen", "rejected"])
    table.insert(0, "id", [f"row-{i}" for i in range(len(table))])
    return table


def test_each_distinct_text_is_numbered_once_in_the_order_of_rows():
    table = rated()
    first, sides = distinct_texts(table, {"one": "chosen", "other": "rejected"})
    cells = table[["chosen", "rejected"]].to_numpy()
    texts = [(table["prompt"][row], cells[row, column]) for row, column in first]
    assert texts == [("p", "a"), ("p", "b"), ("p", "c"), ("q", "a"), ("q", "e"), ("p", "d")]
    for name, column in (("one", "chosen"), ("other", "rejected")):
        found = [texts[number] for number in sides[name]]
        assert found == list(zip(table["prompt"], table[column], strict=True))


def test_sides_refer_to_the_texts_that_are_stored_once(tmp_path):
    table, columns = rated(), {"chosen": "chosen", "rejected": "rejected"}
    artifacts.write_table(tmp_path / "t.parquet", table)
    texts = np.arange(12, dtype=np.float32).reshape(6, 2)
    about = {"rows_sha256": artifacts.sha256(tmp_path / "t.parquet"), "texts_of": columns}
    artifacts.write_embeddings(tmp_path / "e.safetensors", {"texts": texts}, "float32", about)
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.safetensors")
    _, sides = distinct_texts(table, columns)
    for side in columns:
        assert found[side].shape == (7, 2)
        assert np.array_equal(found[side][:], texts[sides[side]])
        assert np.array_equal(found[side][[5, 0]], texts[sides[side]][[5, 0]])
    texts[3] = np.nan  # q with a, in the third row
    artifacts.write_embeddings(tmp_path / "e.safetensors", {"texts": texts}, "float32", about)
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.safetensors")
    assert np.isfinite(found["chosen"][[0, 1, 3]]).all()
    with pytest.raises(LensError, match=r"chosen in row 3 \(id row-2\) is not finite"):
        found["chosen"][1:5]


def test_files_of_earlier_versions_with_an_array_for_each_side_are_read(tmp_path):
    table = rated()
    artifacts.write_table(tmp_path / "t.parquet", table)
    about = {"rows_sha256": artifacts.sha256(tmp_path / "t.parquet")}
    sides = {s: np.full((7, 2), n, np.float32) for n, s in enumerate(("chosen", "rejected"))}
    artifacts.write_embeddings(tmp_path / "e.safetensors", sides, "float32", about)
    _, found = read_embedded(tmp_path / "t.parquet", tmp_path / "e.safetensors")
    assert all(np.array_equal(found[side][:], sides[side]) for side in sides)
