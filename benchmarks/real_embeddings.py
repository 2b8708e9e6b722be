"""Embeddings of public preference pairs, to start from without a model: each distinct text once.

    python benchmarks/real_embeddings.py DATA FOLDER --model MODEL

DATA holds hh_rlhf/pairs.jsonl.gz (`id, subset, prompt, chosen, rejected`), pandalm/pairs.jsonl.gz
(`prompt, response_a, response_b, preferred`) and bon16/pool.jsonl.gz (of which pairs are made as by
pool_pairs.py). Each set becomes a folder as `lens fit` leaves its pairs, in float16, and texts.csv,
which says by a hash which text a row is. What was read is in the embedding cache (LENS_CACHE), so
that a stopped run goes on, and one with more pairs or sets reads only those that are new.
"""

import argparse
import hashlib
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pool_pairs

from lens.advice.own_pairs import SIDES, EmbeddedPairs
from lens.advice.preferences import Preferences, read_pairs
from lens.core.progress import Bar
from lens.data.sources import read_rows
from lens.files import artifacts
from lens.files.embedding_cache import Cache
from lens.files.embeddings import distinct_texts
from lens.language import loading
from lens.language.encoder import Encoder
from lens.language.settings import DTYPES, PRECISIONS
from lens.report.render import markdown_table
from lens.serving.known import embed_new, encoder_request, identity

HH = ("harmless-base", "helpful-base", "helpful-rejection-sampled", "helpful-online")
SETS = (*HH, "pandalm", "pool")
FIELDS = ("id", "prompt", "chosen", "rejected", "response_a", "response_b", "preferred")
AT_ONCE = 128  # texts between two writes of the cache
README = """# Embeddings of preference pairs

In float16, each distinct text once, made by `benchmarks/real_embeddings.py` of LENS. Of a text
that was cut, the end was read.

{table}

`lens.EmbeddedPairs.load("FOLDER/SET")` reads a set; `benchmarks/study.py`, `labels_study.py` and
`real_theory.py` take it as `--set NAME FOLDER/SET`.

Without LENS: row i of the array `texts` is the text of row i of texts.csv: the id of its pair in
pairs.parquet, its side, and the SHA-256 of prompt + line break + answer.

Texts: HH-RLHF's test files (MIT), PandaLM's test set (Apache-2.0), RewardBench's best-of-n branch
(Apache-2.0).
"""


def rows_of(name: str, data: Path) -> list[dict]:
    """The usable fields of a set's rows."""
    if name == "pool":
        rng = random.Random(0)
        rows: Iterable[dict] = (
            pair
            for _, row in read_rows(data / "bon16/pool.jsonl.gz")
            for pair in pool_pairs.pairs(row["instruction"], row["candidates"], rng)
        )
    elif name == "pandalm":
        rows = (row for _, row in read_rows(data / "pandalm/pairs.jsonl.gz"))
    else:
        every = (row for _, row in read_rows(data / "hh_rlhf/pairs.jsonl.gz"))
        rows = (row for row in every if row["subset"] == name)
    return [{field: row[field] for field in FIELDS if field in row} for row in rows]


def embed(pairs: Preferences, encoder: Encoder, name: str) -> EmbeddedPairs:
    """A few texts at a time, those that begin alike together: a stop loses these at most."""
    prompts = [*pairs.table["prompt"]] * 2
    answers = [*pairs.table["chosen"], *pairs.table["rejected"]]
    names = [f"pair {key}, {side}" for side in SIDES for key in pairs.table["id"]]
    token_ids, cut = encoder.token_ids(prompts, answers, names)
    alike = sorted(range(len(names)), key=lambda text: list(token_ids[text]))
    vectors: dict[int, np.ndarray] = {}
    with Cache(identity(encoder)) as cache, Bar(total=len(names), desc=name, unit="text") as bar:
        for texts in (alike[at : at + AT_ONCE] for at in range(0, len(alike), AT_ONCE)):
            some, whose = [token_ids[text] for text in texts], [names[text] for text in texts]
            found = embed_new(encoder, some, whose, cache, progress=False)
            vectors |= dict(zip(texts, found, strict=True))
            cache.write()
            bar.update(len(texts))
    chosen, rejected = np.split(np.stack([vectors[text] for text in range(len(names))]), 2)
    report = pairs.report | {"texts_cut": cut, "tokens": sum(map(len, token_ids))}
    report |= {"asked": encoder_request(encoder)}
    return EmbeddedPairs(pairs.table, chosen, rejected, encoder, report)


def which_texts(pairs: EmbeddedPairs) -> pd.DataFrame:
    """The text of each row of the array `texts`."""
    rows, columns = distinct_texts(pairs.table, SIDES)[0].T
    sides, table = np.array([*SIDES])[columns], pairs.table
    texts = [
        f"{table['prompt'][row]}\n{table[side][row]}" for row, side in zip(rows, sides, strict=True)
    ]
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    return pd.DataFrame({"id": table["id"].to_numpy()[rows], "side": sides, "sha256": hashes})


def release(name: str, data: Path, folder: Path, encoder: Encoder, most: int) -> None:
    """Embeds and saves a set."""
    group_by = "first_turn" if name in HH else "prompt"
    pairs = read_pairs(rows_of(name, data), group_by=group_by, max_pairs=most)
    embedded = embed(pairs, encoder, name)
    embedded.save(folder / name, dtype="float16")
    artifacts.write_table(folder / name / "texts.csv", which_texts(embedded))


def described(folder: Path) -> dict:
    """What a set's folder holds; LensError if a vector was too large for 16 bits."""
    pairs, texts = EmbeddedPairs.load(folder), artifacts.read_table(folder / "texts.csv")
    assert pairs.encoder
    return {
        "set": folder.name,
        "model": Path(pairs.encoder.model).name,
        "precision": PRECISIONS[pairs.encoder.dtype],
        "pairs": len(pairs),
        "texts": len(texts),
        "most tokens": pairs.encoder.max_length,
        "texts cut": pairs.report["texts_cut"],
        "features": pairs.chosen.shape[1],
        "MB": round((folder / "embeddings.safetensors").stat().st_size / 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True, help="a folder, GGUF file or Hub id")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--pairs", type=int, default=10_000, help="the most of each set")
    parser.add_argument("--max-length", type=int, default=256, help="tokens; the end is kept")
    parser.add_argument("--precision", choices=("high", "fast"), default="high")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    loading.set_threads(args.threads)
    encoder = Encoder(
        args.model,
        dtype=DTYPES[args.precision],
        max_length=args.max_length,
        batch_tokens=2048,
    )
    for name in args.sets:
        release(name, args.data, args.folder, encoder, args.pairs)
    done = [args.folder / name for name in SETS if (args.folder / name / "texts.csv").is_file()]
    found = pd.DataFrame(map(described, done)).astype(str)
    table = markdown_table([*found], found.to_numpy().tolist())
    artifacts.write_text(args.folder / "README.md", README.format(table=table))
    print(table)


if __name__ == "__main__":
    main()
