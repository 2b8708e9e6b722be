"""Vectors of texts on disk, by what gave them: one SQLite file, safe for several processes."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from lens.core.errors import LensError

TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
PATIENCE = 60  # seconds to wait while another process writes
AT_ONCE = 500  # keys in one question


def default_path() -> Path:
    """Where vectors are kept unless a file is named."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "lens" / "endpoint-vectors.sqlite"


class Vectors:
    """The vectors that one source (its settings) gave, by text. Texts are kept as hashes alone.
    Raises LensError where the file is something else."""

    def __init__(self, path: Path, source: Sequence[str]):
        self.path, self.source = path, list(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as file:
            file.execute(TABLE)

    @contextmanager
    def _open(self):  # type: ignore[no-untyped-def]
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as file, file:
                yield file
        except sqlite3.Error as error:
            raise LensError(
                f"{self.path}: cannot be used as a cache of vectors ({error}). Name another file "
                "with --cache, or remove this one."
            ) from error

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(json.dumps([*self.source, text]).encode()).digest()

    def get(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """The vectors float32 [d] of those texts that have one."""
        keys = {self._key(text): text for text in texts}
        vectors: dict[str, np.ndarray] = {}
        with self._open() as file:
            ordered = list(keys)
            for start in range(0, len(ordered), AT_ONCE):
                chunk = ordered[start : start + AT_ONCE]
                marks = ",".join("?" * len(chunk))
                rows = file.execute(
                    f"SELECT key, vector FROM vectors WHERE key IN ({marks})", chunk
                )
                vectors |= {keys[key]: np.frombuffer(vector, "<f4") for key, vector in rows}
        return vectors

    def put(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors [n, d] of texts."""
        rows = [
            (self._key(text), np.asarray(vector, "<f4").tobytes())
            for text, vector in zip(texts, vectors, strict=True)
        ]
        with self._open() as file:
            file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
