"""A cache of embeddings by encoder and text: only new texts are embedded.

One folder per encoder, with files of keys (hashes of the token ids that the model read) and
vectors. The folder is LENS_CACHE or ~/.cache/lens; `LENS_CACHE=off` turns the cache off. Above 2 GB
the least recently used files are removed.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from lens.files import artifacts

LIMIT = 2_000_000_000  # bytes
AT_ONCE = 64_000_000  # bytes of vectors that are kept in memory before they are written


def folder() -> Path | None:
    """The cache's folder; None if the cache is off."""
    asked = os.environ.get("LENS_CACHE", "")
    if asked.lower() == "off":
        return None
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lens"
    return (Path(asked) if asked else default) / "embeddings"


class Cache:
    """The embeddings of one encoder, which the mapping `encoder` identifies.

    What is added is found at once. It is written when it has become AT_ONCE bytes, and at the end
    of a `with` block; with the cache off, it is forgotten then.
    """

    def __init__(self, encoder: Mapping):
        text = json.dumps(encoder, sort_keys=True, default=str)
        root = folder()
        self.path = root and root / hashlib.sha256(text.encode()).hexdigest()[:24]
        self.recent: dict[bytes, np.ndarray] = {}
        self.written: dict[bytes, tuple[Path, int]] = {}  # the file of a key, and its row
        for file in sorted(self.path.glob("*.safetensors")) if self.path else []:
            self._learn(file)

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, *_: object) -> None:
        self.write()

    def find(self, texts: Sequence[Sequence[int]]) -> dict[int, np.ndarray]:
        """{index of a text: its vector [d]} for the tokenised texts that are in the cache."""
        cached: dict[int, np.ndarray] = {}
        by_file: dict[Path, list[tuple[int, int]]] = {}
        for i, key in enumerate(map(_key, texts)):
            if key in self.recent:
                cached[i] = self.recent[key]
            elif key in self.written:
                file, row = self.written[key]
                by_file.setdefault(file, []).append((i, row))
        for file, places in by_file.items():
            cached |= _read(file, places)
        return cached

    def add(self, texts: Sequence[Sequence[int]], vectors: np.ndarray) -> None:
        """Keeps vectors [n, d] of tokenised texts."""
        self.recent.update(zip(map(_key, texts), vectors, strict=True))
        if len(self.recent) * vectors[:1].nbytes >= AT_ONCE:
            self.write()

    def write(self) -> None:
        """Writes what is not yet written; only a warning if the folder is not writable."""
        recent, self.recent = self.recent, {}
        if self.path is None or not recent:
            return
        file = self.path / f"{hashlib.sha256(b''.join(recent)).hexdigest()[:24]}.safetensors"
        keys = np.array([list(key) for key in recent], np.uint8)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            artifacts.write_arrays(file, {"keys": keys, "vectors": np.stack([*recent.values()])})
            trim(self.path.parent)
        except OSError as error:
            logging.getLogger(__name__).warning("embeddings are not kept: %s", error)
            return
        self.written |= {key: (file, row) for row, key in enumerate(recent)}

    def _learn(self, file: Path) -> None:
        try:
            with safe_open(file, framework="numpy") as arrays:
                keys, rows = arrays.get_tensor("keys"), arrays.get_slice("vectors").get_shape()[0]
            if len(keys) != rows:
                raise ValueError(f"{len(keys)} keys of {rows} vectors")
        except Exception as error:  # of a file that another program has damaged
            logging.getLogger(__name__).warning("%s: removed, it is damaged (%s)", file, error)
            file.unlink(missing_ok=True)
            return
        self.written.update((bytes(key), (file, row)) for row, key in enumerate(keys))


def _read(file: Path, places: list[tuple[int, int]]) -> dict[int, np.ndarray]:
    """{index: vector [d]} of (index, row); nothing if the file has been removed since."""
    try:
        with safe_open(file, framework="numpy") as arrays:
            vectors = arrays.get_slice("vectors")
            found = {i: vectors[row : row + 1][0] for i, row in places}
        file.touch()
    except (OSError, SafetensorError):
        return {}
    return found


def trim(root: Path, limit: int = LIMIT) -> None:
    """Removes the least recently used files until the rest fit into `limit` bytes."""
    files = sorted(root.glob("*/*.safetensors"), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    while files and total > limit:
        total -= files[0].stat().st_size
        files.pop(0).unlink(missing_ok=True)


def _key(text: Sequence[int]) -> bytes:
    return hashlib.blake2b(np.asarray(text, np.int64).tobytes(), digest_size=16).digest()
