"""Which gold model a sample of pairs makes: a linear head on embeddings, or LoRA.

    python benchmarks/real_gold.py results/real_inputs/gold.jsonl --model results/real_inputs/gemma

Both are trained on the same pairs of HH-RLHF (LoRA for one epoch) and order others, of other first
turns, as labelled. Prints accuracies, and LoRA's less the head's.
"""

import argparse
import time
from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np

from lens.advice.crossval import correct
from lens.advice.fit import fit
from lens.advice.own_pairs import embed_pairs
from lens.advice.preferences import Preferences, read_pairs
from lens.core.intervals import interval_by_prompt
from lens.language import gold
from lens.language.encoder import Encoder
from lens.language.finetuning import (
    Settings,
    load_reward,
    new_classifier,
    train_reward,
    weights_dtype,
)
from lens.language.loading import set_threads
from lens.language.lora import Lora
from lens.language.templates import AnswerTokens

LORA, RATE = Lora(targets=("all-linear",)), 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pairs", help="gold.jsonl of benchmarks/real_data.py")
    parser.add_argument("--model", required=True, help="folder of the model that both start from")
    parser.add_argument("--train", type=int, default=300, help="pairs to train on, about")
    parser.add_argument("--test", type=int, default=500, help="pairs to order, about")
    parser.add_argument("--max-length", type=int, default=384)
    args = parser.parse_args()
    set_threads(1)
    pairs = read_pairs(args.pairs, group_by="first_turn", max_pairs=args.train + args.test)
    first = pairs.table["group"].isin(pairs.table["group"][: args.train])
    train, test = (replace(pairs, table=pairs.table[rows]) for rows in (first, ~first))
    head = of_head(args, train, test)
    report("linear head", head, head, test)
    begun = time.process_time()
    report("LoRA", of_lora(args, train, test), head, test)
    print(f"  {(time.process_time() - begun) / 60:.0f} CPU minutes", flush=True)


def report(name: str, right: np.ndarray, head: np.ndarray, test: Preferences) -> None:
    groups = test.table["group"].to_numpy()
    held = interval_by_prompt(right[None], groups)
    gain = interval_by_prompt((right - head)[None], groups, least=-1)
    print(
        f"{name}: {100 * held.mean:.1f} % [{100 * held.low:.1f}, {100 * held.high:.1f}] of "
        f"{len(right)} pairs; {100 * gain.mean:+.1f} [{100 * gain.low:+.1f}, "
        f"{100 * gain.high:+.1f}] points from the head",
        flush=True,
    )


def of_head(args, train: Preferences, test: Preferences) -> np.ndarray:
    """Which test pairs a linear head trained on embeddings orders as labelled."""
    encoder = Encoder(args.model, dtype="bfloat16", max_length=args.max_length, device="cpu")
    model = fit(embed_pairs(train, encoder))
    sides = (list(test.table[side]) for side in ("chosen", "rejected"))
    chosen, rejected = (model.score(list(test.table["prompt"]), side) for side in sides)
    return correct(chosen - rejected)


def of_lora(args, train: Preferences, test: Preferences) -> np.ndarray:
    """Which test pairs the model with adapters trained on the others orders as labelled."""
    how = Settings(1, RATE, batch_size=16, device_batch_size=8, bf16=True)
    tokenizer, model = new_classifier(
        args.model,
        revision=None,
        dtype=weights_dtype("bfloat16", how, LORA),
        device="cpu",
        trust_remote_code=False,
        seed=0,
    )
    style = "chat" if tokenizer.chat_template else "plain"
    read = AnswerTokens(tokenizer, style=style, limit=args.max_length, too_long="cut_left")

    def ids(pairs: Preferences, side: str) -> list[list[int]]:
        table = pairs.table
        return read(table["prompt"], table[side], list(table["id"]))

    sides = [ids(train, side) for side in ("chosen", "rejected")]
    with TemporaryDirectory() as folder:
        train_reward(model, tokenizer, *sides, how, lora=LORA, seed=0, out=folder)
        _, model = load_reward(folder, dtype="bfloat16", device="cpu")
    sides = [ids(test, side) for side in ("chosen", "rejected")]
    chosen, rejected = (gold.score(model, side, batch_tokens=2048) for side in sides)
    return correct(chosen - rejected)


if __name__ == "__main__":
    main()
