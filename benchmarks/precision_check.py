"""What `--precision fast` changes: how far embeddings move, by it and by the texts read with
them, and whether pair accuracy does.

    python benchmarks/precision_check.py --model FOLDER --data ../shared/data --pairs 300

Paired: the same pairs of HH-RLHF and PandaLM, the same folds, a linear probe on both embeddings.
"""

import argparse
from pathlib import Path

import numpy as np
import real

from lens.advice.crossval import correct, round_margins
from lens.advice.own_pairs import EmbeddedPairs, embed_pairs
from lens.advice.preferences import read_pairs
from lens.core.intervals import interval_by_prompt
from lens.language.encoder import Encoder
from lens.reward.recipes import Recipe

RECIPE = Recipe("linear_probe")
ALONE = 40  # texts that are read alone, too


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="folder of the model that embeds")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=512)
    args = parser.parse_args()
    for name, rows in sets(Path(args.data)).items():
        pairs = read_pairs(rows, max_pairs=args.pairs)
        encoders = [
            Encoder(args.model, dtype=dtype, max_length=args.max_length)
            for dtype in ("float32", "bfloat16")
        ]
        high, fast = (embed_pairs(pairs, encoder) for encoder in encoders)
        drift = moved(high.chosen, fast.chosen, high.chosen.std(axis=0))
        texts = [list(pairs.table[column])[:ALONE] for column in ("prompt", "chosen")]
        alone = np.concatenate([encoders[1].embed([p], [a]) for p, a in zip(*texts, strict=True)])
        beside = moved(fast.chosen[:ALONE], alone, high.chosen.std(axis=0))
        accuracy = [held_out(data, args.rounds) for data in (high, fast)]
        right = [correct(margins) for margins in accuracy]
        gain = interval_by_prompt(right[1] - right[0], high.groups[high.decided], least=-1)
        print(
            f"{name}, {len(pairs.table)} pairs: states move by {drift:.3f} SD, read "
            f"alone by {beside:.3f}; accuracy "
            f"{100 * right[0].mean():.1f} % (high), {100 * right[1].mean():.1f} % (fast), "
            f"difference [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] points",
            flush=True,
        )


def moved(one: np.ndarray, other: np.ndarray, spread: np.ndarray) -> float:
    """Root mean square of the differences of embeddings [n, d], in standard deviations [d]."""
    return float(np.sqrt(np.square((other - one) / spread).mean()))


def held_out(data: EmbeddedPairs, rounds: int) -> np.ndarray:
    """Margins [rounds, N] of the probe on prompts that it has not seen."""
    return np.stack([dict(round_margins(data, [RECIPE], seed))[RECIPE] for seed in range(rounds)])


def sets(data: Path) -> dict[str, list[dict]]:
    """Rows that `lens.read_pairs` reads, by the name of the data."""
    names = ("prompt", "chosen", "rejected")
    hh = [{k: row[k] for k in names} for row in real.rows_of(data / "hh_rlhf/pairs.jsonl.gz")]
    panda = [
        {
            "prompt": row["prompt"],
            "chosen": row[f"response_{row['preferred']}"],
            "rejected": row["response_a" if row["preferred"] == "b" else "response_b"],
        }
        for row in real.rows_of(data / "pandalm/pairs.jsonl.gz")
        if row["preferred"] != "tie"
    ]
    return {"HH": hh, "PandaLM": panda}


if __name__ == "__main__":
    main()
