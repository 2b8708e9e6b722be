"""Embeddings on disk: safetensors shards in 16 or 32 bit, read by memory map, a row when asked for.

An index (`embeddings.json`) names the shards with their rows and hashes.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.files import artifacts, shards


class Rows:
    """Embeddings [n, d] in files: `rows[places]` reads those rows, float32, and no others.

    `places` is a slice, positions or a mask. Raises LensError where a row read is not finite.
    """

    def __init__(self, parts: Sequence[np.ndarray], name: str, ids: Sequence, source: object):
        self.parts, self.name, self.ids, self.source = parts, name, ids, source
        self.starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self.starts[-1]), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        rows = np.arange(len(self))[places]
        found = np.empty((*rows.shape, self.shape[1]), np.float32)
        for part, start, stop in zip(self.parts, self.starts, self.starts[1:], strict=False):
            mine = (rows >= start) & (rows < stop)
            found[mine] = artifacts.as_float32(part[rows[mine] - start])
        bad = ~np.isfinite(found).all(axis=-1)
        if bad.any():
            row = int(rows[bad].flat[0])
            raise LensError(
                f"{self.source}: {self.name} in row {row + 1} (id {self.ids[row]}) is not finite. "
                "Embed again in float32, or remove the row."
            )
        return found


Embeddings: TypeAlias = Mapping[str, Rows | np.ndarray]


def write_index(
    path: str | Path, files: Sequence[str], reports: Sequence[Mapping], sides: Sequence[str]
) -> None:
    """Saves the index of shards (with their reports from `shards.read_reports`)."""
    folder = Path(path).parent
    artifacts.write_json(
        path,
        {
            "format": "lens-embeddings-1",
            "arrays": list(sides),
            "rows_sha256": reports[0]["inputs"]["rows"],
            "model": reports[0]["model"],
            "shards": [
                {
                    "file": os.path.relpath(file, folder),
                    "rows": report["rows"],
                    "sha256": report["sha256"],
                }
                for file, report in zip(files, reports, strict=True)
            ],
        },
    )


def read_embedded(
    table_path: str | Path, embeddings_path: str | Path
) -> tuple[pd.DataFrame, dict[str, Rows]]:
    """(table, its embeddings by name, [rows, d] each), refused unless whole and made for it.

    `embeddings_path` is an index, or one file of `lens embed-pairs` and its like.
    """
    if Path(embeddings_path).suffix == ".json":
        index = artifacts.read_json(embeddings_path)
        files = []
        for shard in index["shards"]:
            file = Path(embeddings_path).parent / shard["file"]
            shards.check_whole(file, shard["sha256"])
            files.append(file)
    else:
        index, files = artifacts.read_about(embeddings_path), [embeddings_path]
    if index.get("rows_sha256") != artifacts.sha256(table_path):
        raise LensError(
            f"{embeddings_path} was not made from {table_path}: run the embedding stage again."
        )
    table = artifacts.read_table(table_path)
    parts = [arrays for arrays in map(artifacts.map_arrays, files) if arrays]
    ids = table.iloc[:, 0].to_numpy()
    return table, {
        name: Rows([arrays[name] for arrays in parts], name, ids, embeddings_path)
        for name in parts[0]
    }


def check_same_model(*paths: str | Path) -> None:
    """LensError unless the embeddings were made by the same weights, as far as their files say."""
    known = {}
    for path in paths:
        about = artifacts.read_json(path) if Path(path).suffix == ".json" else {}
        if about.get("model"):
            known[str(path)] = about["model"]
    for path, model in known.items():
        first = next(iter(known))
        if model != known[first]:
            raise LensError(
                f"{path} was made with another model than {first}, which has changed in the middle "
                f"of a run: {shards.difference(model, known[first])}. Pin its `revision`, then "
                "remove the older of the two and run Snakemake again."
            )
