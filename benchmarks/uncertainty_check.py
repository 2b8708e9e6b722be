"""Are errors and flags of `lens score --uncertainty` right on real answers?

The evidence probe is fitted on N pairs of HH-RLHF, and on N of PandaLM. Texts of other prompts of
the same file should be flagged as unlike the training texts at the stated rate, those of the other
file and code (functions of Python's own library) more often. Margins of the other pairs meet their
labels: with a margin m and its standard error s the labelled answer is the better one with
probability E[sigmoid(m + s z)], z Gaussian; accuracy should be what this says, for pairs whose
margin is within one error of 0, between one and two, and beyond.

    python benchmarks/uncertainty_check.py DATA --model sentence-transformers/all-MiniLM-L6-v2

DATA holds hh_rlhf/pairs.jsonl.gz and pandalm/pairs.jsonl.gz.
"""

import argparse
import ast
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd

from lens.advice.backtest import part
from lens.advice.fit import fit
from lens.advice.own_pairs import EmbeddedPairs, embed_pairs
from lens.advice.preferences import read_pairs
from lens.core.progress import Bar
from lens.core.seeds import derive_seed
from lens.data.pairs import split_by_group
from lens.language.encoder import Encoder
from lens.serving.reward_model import sigmoid
from lens.serving.unlike import FLAGGED

SETS = {"HH-RLHF": "hh_rlhf/pairs.jsonl.gz", "PandaLM": "pandalm/pairs.jsonl.gz"}
LONGEST = 1500  # characters of a function
BINS = ("below 1", "1 to 2", "above 2")
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


def functions(count: int) -> tuple[list[str], list[str]]:
    """(prompts as JSON messages, answers): functions of Python's own library by their names."""
    found = list(_functions())
    drawn = np.random.default_rng(0).permutation(len(found))[:count]
    asked = [f"Write the Python function `{found[i][0]}`." for i in drawn]
    prompts = [json.dumps([{"role": "user", "content": text}]) for text in asked]
    return prompts, [found[i][1] for i in drawn]


def _functions() -> Iterator[tuple[str, str]]:
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                text = dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
                if 100 < len(text) <= LONGEST:
                    yield node.name, text


def probability(margin: np.ndarray, error: np.ndarray) -> np.ndarray:
    """E[sigmoid(margin + error z)], z Gaussian, of margins and errors [n]."""
    return sigmoid(margin[:, None] + error[:, None] * NODES) @ WEIGHTS / WEIGHTS.sum()


def labels_met(margin: np.ndarray, error: np.ndarray) -> list[dict]:
    """Share of pairs, stated and measured accuracy by the size of labelled margins in errors."""
    stated, error = probability(np.abs(margin), error), np.maximum(error, 1e-12)
    ratio = np.abs(margin) / error
    right = (np.sign(margin) + 1) / 2
    rows = [ratio < 1, (ratio >= 1) & (ratio < 2), ratio >= 2]
    return [
        {"margin / error": name, "share": own.mean(), "stated": stated[own].mean()}
        | {"right": right[own].mean()}
        for name, own in zip(BINS, rows, strict=True)
        if own.any()
    ]


def embedded(folder: Path, count: int, model: str) -> tuple[dict[str, EmbeddedPairs], np.ndarray]:
    """({set: pairs}, functions [n, d]) embedded, at most `count` of each."""
    encoder = Encoder(model, max_length=128)
    pairs = {
        name: embed_pairs(
            read_pairs(folder / file, group_by="first_turn", max_pairs=count), encoder
        )
        for name, file in SETS.items()
    }
    return pairs, encoder.embed(*functions(count), progress=True)


def both(pairs: EmbeddedPairs) -> np.ndarray:
    return np.concatenate([pairs.chosen, pairs.rejected])


def measure(
    pairs: dict[str, EmbeddedPairs], code: np.ndarray, n_pairs: int, seed: int
) -> tuple[list[dict], list[dict]]:
    """(shares flagged, how labels are met) of a fit on each set."""
    flags, met = [], []
    for name, own in pairs.items():
        held = split_by_group(own.table["group"], 0.3, derive_seed("held", seed) % 2**31)
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(~held))[:n_pairs]
        model, rest = fit(part(own, np.sort(rows))), part(own, np.flatnonzero(held))
        texts = {f"other prompts of {name}": both(rest), "code": code}
        texts |= {other: both(data) for other, data in pairs.items() if other != name}
        flags += [
            {"fitted on": name, "texts": kind, "flagged": (model.farther_out(x) < FLAGGED).mean()}
            for kind, x in texts.items()
        ]
        margin = model.score_embeddings(rest.chosen) - model.score_embeddings(rest.rejected)
        error = model.errors.margin_errors(rest.chosen, rest.rejected)
        met += [{"fitted on": name} | row for row in labels_met(margin.astype(float), error)]
    return flags, met


def summarised(rows: list[dict], keys: list[str]) -> pd.DataFrame:
    """Means over splits in percent, and of the last column the least and the most."""
    table = 100 * pd.DataFrame(rows).set_index(keys)
    groups = table.groupby(keys, sort=False)
    ends = groups[table.columns[-1]].agg(["min", "max"])
    return groups.mean().join(ends).round(1).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True, help="the encoder")
    parser.add_argument("--pairs", type=int, default=600, help="of each file, to fit and to judge")
    parser.add_argument("--n-pairs", type=int, default=300, help="to fit")
    parser.add_argument("--seeds", type=int, default=12)
    args = parser.parse_args()
    if missing := [
        str(args.data / file) for file in SETS.values() if not (args.data / file).is_file()
    ]:
        parser.error(f"not there: {', '.join(missing)}")
    pairs, code = embedded(args.data, args.pairs, args.model)
    flags, met = [], []
    for seed in Bar(range(args.seeds), desc="seeds", unit="seed"):
        more = measure(pairs, code, args.n_pairs, seed)
        flags += more[0]
        met += more[1]
    print(summarised(flags, ["fitted on", "texts"]).to_string(index=False))
    print(summarised(met, ["fitted on", "margin / error"]).to_string(index=False))


if __name__ == "__main__":
    main()
