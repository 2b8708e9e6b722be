"""The theory's constants (Appendix B) on embedded pairs, with intervals and flags.

    python benchmarks/real_theory.py OUT --set NAME FOLDER [--set NAME FOLDER ...]

A folder holds embedded pairs as `lens fit`, `lens advise` or real_embeddings.py leave them. They
are split by prompt, then `lens theory-points`, `fit-theory` and `theory-table` run on them with
the settings of config.yaml; OUT/theory.md has the tables.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from lens.advice.extend import saved_pairs
from lens.advice.own_pairs import EmbeddedPairs
from lens.cli import main as lens
from lens.data.pairs import split_by_group
from lens.files import artifacts
from lens.reward.recipes import HEAD_SETTINGS, SYNTHESIS_SETTINGS, VAE_SETTINGS

TEST = 0.25  # share of the prompts
SETTINGS = {
    "vae": VAE_SETTINGS,
    "synthesis": SYNTHESIS_SETTINGS,
    "reward": HEAD_SETTINGS | {"epochs": 400},  # until the validation loss stops falling
}


def split(pairs: EmbeddedPairs, out: Path) -> tuple[Path, Path]:
    """(table, embeddings) of the pairs with their split, as the workflow's stages read them."""
    held = split_by_group(pairs.table["group"], TEST, seed=0)
    table, arrays = out / "pairs.parquet", out / "embeddings.safetensors"
    artifacts.write_table(table, pairs.table.assign(split=np.where(held, "test", "train")))
    about = {"rows_sha256": artifacts.sha256(table)}
    artifacts.write_arrays(arrays, {"chosen": pairs.chosen, "rejected": pairs.rejected}, about)
    return table, arrays


def call(*words: object) -> None:
    lens(list(map(str, words)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", nargs=2, action="append", required=True, metavar="NAME/FOLDER")
    parser.add_argument("--n-pairs", type=int, nargs="+", default=[100, 200, 400, 800])
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--vae-steps", type=int, default=600)
    args = parser.parse_args()
    given = [word for name, value in SETTINGS.items() for word in (f"--{name}", json.dumps(value))]
    given += ["--n-pairs", *args.n_pairs, "--scales", *args.scales, "--seeds", *range(args.seeds)]
    given += ["--vae-steps", args.vae_steps]
    points, fits = [], []
    for name, folder in args.set:
        points.append(args.out / name / "points")
        fits.append(args.out / name)
        pairs = saved_pairs(folder)
        table, arrays = split(pairs, args.out / name)
        files = ("--pairs", table, "--embeddings", arrays, "--out-dir", points[-1])
        call("theory-points", *files, *given)
        model = Path(pairs.encoder.model).name if pairs.encoder else "imported"
        about = ("--dataset", name, "--model", model)
        call("fit-theory", "--points", points[-1], *about, "--out-dir", fits[-1])
    call("theory-table", "--theory", *fits, "--points", *points, "--out-dir", args.out)
    print((args.out / "theory.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
