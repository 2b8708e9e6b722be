"""Does the VAE have to be trained anew when labels come in? Warm starts against training anew.

A set's pairs come in batches of 100. After each batch a VAE is trained anew on all so far at the
published settings, and another one goes on from its own last state for EPOCHS epochs. The others of
the set's pairs, by prompt, say how much of the variance of embeddings each VAE explains. Embeddings
are standardised on the first batch. A set is a folder as `lens advise` or `lens fit` leave it.

    python benchmarks/warm_start.py --set NAME FOLDER --out warm_start.csv
"""

import argparse
import time

import numpy as np
import pandas as pd

from lens.advice.extend import saved_pairs
from lens.core.seeds import derive_seed
from lens.data.pairs import split_by_group
from lens.latent.settings import VaeSettings
from lens.latent.vae import diagnose, train_vaes
from lens.report.render import markdown_table
from lens.reward.training_set import Standardiser

BATCH, MOST = 100, 600  # pairs
EPOCHS = (10, 30, 100)
SEEDS = range(3)
PUBLISHED = VaeSettings.model_validate({}).model_dump()
SETTINGS = {"published": {}, "learning rate 1e-3": {"learning_rate": 1e-3}}


def trained(data, seed: int, settings: dict, start=None) -> tuple:
    """(VAE, processor seconds)."""
    began = time.process_time()
    (vae,) = train_vaes([data], seeds=[seed], **settings, start=None if start is None else [start])
    return vae, time.process_time() - began


def stream(pairs, seed: int, name: str) -> list[dict]:
    """A row for each size and way of training."""
    held = split_by_group(pd.Series(pairs.groups), 0.2, derive_seed(seed, "warm") % 2**31)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~held))[:MOST]
    first = order[:BATCH]
    standardise = Standardiser.fit(np.concatenate([pairs.chosen[first], pairs.rejected[first]]))
    sides = [standardise(side) for side in (pairs.chosen, pairs.rejected)]
    tests = [side[held] for side in sides]
    settings, rows = PUBLISHED | SETTINGS[name], []
    warm = dict.fromkeys(EPOCHS, None)
    for size in range(BATCH, len(order) + 1, BATCH):
        data = tuple(side[order[:size]] for side in sides)
        anew, seconds = trained(data, seed, settings)
        ways = {"anew": (anew, seconds)}
        for epochs, earlier in warm.items():
            ways[f"warm, {epochs} epochs"] = (
                (anew, seconds)
                if earlier is None
                else trained(data, seed + size, settings | {"epochs": epochs}, earlier)
            )
            warm[epochs] = ways[f"warm, {epochs} epochs"][0]
        for way, (vae, cost) in ways.items():
            found = diagnose(vae, *tests)
            rows.append(
                {
                    "settings": name,
                    "seed": seed,
                    "n_pairs": size,
                    "way": way,
                    "seconds": cost,
                    "explains": 100 * found["variance_explained"],
                    "error": found["reconstruction_error"],
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--set", nargs=2, action="append", required=True, metavar=("NAME", "FOLDER")
    )
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    parts = []
    for name, folder in args.set:
        pairs = saved_pairs(folder)
        for settings in SETTINGS:
            rows = [row for seed in SEEDS for row in stream(pairs, seed, settings)]
            parts.append(pd.DataFrame(rows).assign(set=name))
    table = pd.concat(parts)
    table.to_csv(args.out, index=False)
    shown = table[table["n_pairs"].isin([200, 400, 600])]
    means = shown.groupby(["set", "settings", "n_pairs", "way"], sort=False)[
        ["seconds", "explains"]
    ]
    print(markdown_table(*_printed(means.mean().reset_index())))


def _printed(means: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    rows = [
        [r.set, r.settings, str(r.n_pairs), r.way, f"{r.seconds:.2f}", f"{r.explains:.1f}"]
        for r in means.itertuples()
    ]
    return ["set", "settings", "N", "VAE", "CPU s", "explains %"], rows


if __name__ == "__main__":
    main()
