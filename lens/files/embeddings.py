"""Embeddings on disk: safetensors shards in 16 or 32 bit, memory-mapped, read row by row.

An index (`embeddings.json`) lists the shards and their hashes. The array `texts` holds each
distinct text of a table once; `distinct_texts` says which text each row uses. Files of earlier
versions, with one array per side, can be read too.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from lens.core.chunks import chunks
from lens.core.errors import LensError
from lens.files import artifacts, saves, shards


class Rows:
    """Embeddings [n, d] in files: `rows[index]` reads only those rows, as float32.

    `index` is a slice, row numbers or a mask. Raises LensError if a row that is read is not finite.
    """

    def __init__(
        self,
        parts: Sequence[np.ndarray],
        name: str,
        ids: Sequence,
        source: object,
        texts: np.ndarray | None = None,
    ):
        """`texts` [n]: which row of the concatenated parts holds each row (default: the same)."""
        self.parts, self.name, self.ids, self.source = parts, name, ids, source
        self.starts = np.cumsum([0, *map(len, parts)])
        self.texts = np.arange(self.starts[-1]) if texts is None else texts
        self.shape = (len(self.texts), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        rows = self.texts[index]
        vectors, flat = np.empty((rows.size, self.shape[1]), np.float32), np.ravel(rows)
        for part, start, stop in zip(self.parts, self.starts, self.starts[1:], strict=False):
            in_part = np.flatnonzero((flat >= start) & (flat < stop))
            for span in chunks(len(in_part)):
                places = in_part[span]
                vectors[places] = artifacts.as_float32(part[flat[places] - start])
        for span in chunks(len(vectors)):
            bad = ~np.isfinite(vectors[span]).all(axis=1)
            if not bad.any():
                continue
            row = int(np.arange(len(self))[index].flat[span.start + int(bad.argmax())])
            raise LensError(
                f"{self.source}: {self.name} in row {row + 1} (id {self.ids[row]}) is not finite. "
                "Embed again in float32, or remove the row."
            )
        return vectors.reshape(*rows.shape, self.shape[1])


Embeddings: TypeAlias = Mapping[str, Rows | np.ndarray]


def distinct_texts(
    table: pd.DataFrame, columns: Mapping[str, str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Numbers the distinct texts of a table, row by row. A text is a prompt with the answer in one
    of `columns`, {side: column}.

    Returns (row and column [m, 2] where each text appears first, {side: text number of each row
    [n]}).
    """
    answers = table[list(columns.values())].to_numpy()
    prompt, _ = pd.factorize(table["prompt"])
    answer, known = pd.factorize(answers.ravel())
    both, _ = pd.factorize(np.repeat(prompt, len(columns)) * max(1, len(known)) + answer)
    first = np.unique(both, return_index=True)[1]
    sides = both.reshape(answers.shape).T
    return np.stack(np.divmod(first, len(columns)), axis=1), dict(zip(columns, sides, strict=True))


def write_index(path: str | Path, files: Sequence[str], reports: Sequence[Mapping]) -> None:
    """Saves the index of shards `files`, with their reports from `shards.read_reports`."""
    folder = Path(path).parent
    artifacts.write_json(
        path,
        {
            "format": "lens-embeddings-2",
            "texts_of": artifacts.read_about(files[0])["texts_of"],
            "rows_sha256": reports[0]["inputs"]["rows"],
            "model": reports[0]["model"],
            "shards": [
                {
                    "file": os.path.relpath(file, folder),
                    "texts": report["rows"],
                    "sha256": report["sha256"],
                }
                for file, report in zip(files, reports, strict=True)
            ],
        },
    )


def read_embedded(
    table_path: str | Path, embeddings_path: str | Path
) -> tuple[pd.DataFrame, dict[str, Rows]]:
    """(a table, {name: its embeddings [rows, d]}); LensError if they are damaged or were made from
    another table.

    `embeddings_path` is an index, or one file of `lens embed-pairs` and similar commands.
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
    sides = distinct_texts(table, index["texts_of"])[1] if "texts_of" in index else {}
    ids = table.iloc[:, 0].to_numpy()
    return table, {
        name: Rows(
            [arrays["texts" if sides else name] for arrays in parts],
            name,
            ids,
            embeddings_path,
            sides.get(name),
        )
        for name in sides or parts[0]
    }


def check_same_model(*paths: str | Path) -> None:
    """LensError if the files say that the embeddings were made by different weights."""
    known = {}
    for path in paths:
        about = artifacts.read_json(path) if Path(path).suffix == ".json" else {}
        if about.get("model"):
            known[str(path)] = about["model"]
    for path, model in known.items():
        first = next(iter(known))
        if model != known[first]:
            raise LensError(
                f"{path} was made with another model than {first}; the model changed during the "
                f"run: {saves.difference(model, known[first])}. Pin its `revision`, then remove "
                "the older of the two files and run Snakemake again."
            )
