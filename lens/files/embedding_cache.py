"""A cache of embeddings by encoder and text: only new texts are embedded.

One folder per encoder, one file per addition: keys (hashes of the token ids that the model read)
and vectors. The folder is LENS_CACHE or ~/.cache/lens; `LENS_CACHE=off` turns the cache off. Above
2 GB the least recently used files are removed.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lens.files import artifacts

LIMIT = 2_000_000_000  # bytes


def folder() -> Path | None:
    """The cache's folder; None if the cache is off."""
    asked = os.environ.get("LENS_CACHE", "")
    if asked.lower() == "off":
        return None
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lens"
    return (Path(asked) if asked else default) / "embeddings"


class Cache:
    """The embeddings of one encoder, which the mapping `encoder` identifies."""

    def __init__(self, encoder: Mapping):
        text = json.dumps(encoder, sort_keys=True, default=str)
        root = folder()
        self.path = root and root / hashlib.sha256(text.encode()).hexdigest()[:24]

    def find(self, texts: Sequence[Sequence[int]]) -> dict[int, np.ndarray]:
        """{index of a text: its vector [d]} for the tokenised texts that are in the cache."""
        wanted = {_key(text): i for i, text in enumerate(texts)}
        cached: dict[int, np.ndarray] = {}
        for file in sorted(self.path.glob("*.safetensors")) if self.path else []:
            try:
                arrays = artifacts.read_arrays(file)
                keys, vectors = arrays["keys"], arrays["vectors"]
            except Exception as error:  # of a file that another program has damaged
                logging.getLogger(__name__).warning("%s: removed, it is damaged (%s)", file, error)
                file.unlink(missing_ok=True)
                continue
            here = [(wanted[key], row) for row, key in enumerate(map(bytes, keys)) if key in wanted]
            cached.update((i, vectors[row]) for i, row in here)
            if here:
                file.touch()
        return cached

    def add(self, texts: Sequence[Sequence[int]], vectors: np.ndarray) -> None:
        """Saves vectors [n, d] of tokenised texts; only a warning if the folder is not writable."""
        if self.path is None or not len(texts):
            return
        keys = [_key(text) for text in texts]
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:24]
        arrays = {"keys": np.array([list(key) for key in keys], np.uint8), "vectors": vectors}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            artifacts.write_arrays(self.path / f"{name}.safetensors", arrays)
            trim(self.path.parent)
        except OSError as error:
            logging.getLogger(__name__).warning("embeddings are not kept: %s", error)


def trim(root: Path, limit: int = LIMIT) -> None:
    """Removes the least recently used files until the rest fit into `limit` bytes."""
    files = sorted(root.glob("*/*.safetensors"), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    while files and total > limit:
        total -= files[0].stat().st_size
        files.pop(0).unlink(missing_ok=True)


def _key(text: Sequence[int]) -> bytes:
    return hashlib.blake2b(np.asarray(text, np.int64).tobytes(), digest_size=16).digest()
