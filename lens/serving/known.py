"""Embeddings of texts of which some are known: only new ones go through the model."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lens.files import artifacts
from lens.files.embedding_cache import Cache
from lens.language.batching import distinct
from lens.language.encoder import Encoder
from lens.language.loading import pick_device, require_model
from lens.language.packed.reading import distinct_tokens
from lens.language.precision import multiplies_rounded

SAMPLE = 32
NEIGHBOURS = 4


def embed_new(
    encoder: Encoder,
    token_ids: Sequence[Sequence[int]],
    names: Sequence[str],
    cache: Cache,
    *,
    estimate: Callable[[float, int], None] | None = None,
    progress: bool = True,
) -> np.ndarray:
    """Embeddings [n, d] of tokenised texts, each distinct text once, those known from the cache.
    `estimate(seconds, texts)` is called before new texts are embedded. With `progress` the log says
    how many were known, and how far it is."""
    texts, rows = distinct(token_ids)
    known = cache.find(texts)
    new = [row for row in range(len(texts)) if row not in known]
    if known and progress:
        logging.getLogger(__name__).warning(
            "%d of %d texts were embedded before (%s)", len(known), len(texts), cache.path
        )
    if new:
        first = names_of_first(rows, names)
        new_texts, new_names = [texts[row] for row in new], [first[row] for row in new]
        if estimate:
            estimate(seconds_to_embed(encoder, new_texts, new_names), len(new))
        vectors = encoder.embed_tokens(new_texts, new_names, progress=progress)
        cache.add(new_texts, vectors)
        known |= dict(zip(new, vectors, strict=True))
    return np.stack([known[row] for row in rows])


def names_of_first(rows: Sequence[int], names: Sequence[str]) -> list[str]:
    """The name of each distinct text, that of the first which is it; `rows` are from `distinct`."""
    first = dict(zip(reversed(rows), reversed(names), strict=True))
    return [first[row] for row in range(len(first))]


def identity(encoder: Encoder) -> dict:
    """What decides an embedding of token ids, once "auto" is settled."""
    of_text = ("text_style", "max_length", "too_long")
    request = {k: v for k, v in encoder_request(encoder).items() if k not in of_text}
    versions = {name: artifacts.versions()[name] for name in ("lens-rm", "torch", "transformers")}
    return request | versions


def encoder_request(encoder: Encoder) -> dict:
    """What an encoder is before "auto" is settled, with size and time of its files or its commit in
    the Hub's cache, and the kind of device if that decides how `dtype` computes: equal requests
    give equal embeddings."""
    from huggingface_hub import try_to_load_from_cache

    if encoder.base_url:
        return encoder.as_dict()
    require_model(encoder.model)
    request = encoder.as_dict()
    if encoder.dtype != "float32":
        request["device"] = pick_device(encoder.device).partition(":")[0]
        request["multiplies_rounded"] = request["device"] == "cpu" and multiplies_rounded()
    if Path(encoder.model).is_file():
        stat = Path(encoder.model).stat()
        return request | {"files": [stat.st_size, stat.st_mtime_ns]}
    if Path(encoder.model).is_dir():
        files = sorted(path for path in Path(encoder.model).rglob("*") if path.is_file())
        names = [str(path.relative_to(encoder.model)) for path in files]
        stats = [path.stat() for path in files]
        stamps: dict = {n: [s.st_size, s.st_mtime_ns] for n, s in zip(names, stats, strict=True)}
    else:
        revision = encoder.revision or "main"
        config_file = try_to_load_from_cache(encoder.model, "config.json", revision=revision)
        stamps = {"commit": Path(config_file).parent.name if isinstance(config_file, str) else None}
    return request | {"files": stamps}


def seconds_to_embed(
    encoder: Encoder, token_ids: Sequence[Sequence[int]], names: Sequence[str]
) -> float:
    """What embedding all texts should take, from some of them."""
    order = sorted(range(len(token_ids)), key=lambda row: list(token_ids[row]))
    step = max(1, len(order) // SAMPLE) * NEIGHBOURS
    # Neighbours, so that they share what they share in the whole.
    rows = [row for at in range(0, len(order), step) for row in order[at : at + NEIGHBOURS]]
    sample, sample_names = [token_ids[row] for row in rows], [names[row] for row in rows]
    encoder.embed_tokens(sample[:1], sample_names[:1], progress=False)  # the first batch is slow
    begun = time.perf_counter()
    encoder.embed_tokens(sample, sample_names, progress=False)
    spent = time.perf_counter() - begun
    return spent * distinct_tokens(token_ids) / distinct_tokens(sample)
