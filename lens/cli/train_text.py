"""Train text reward models (full fine-tuning or LoRA), one for each scale and seed."""

from dataclasses import replace
from typing import Any

from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.text import (
    add_finetuning_arguments,
    add_lora_arguments,
    finetuning,
    hard_pairs,
    lora,
    train_classifier,
    training_cost,
)


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs per seed")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scales", type=int, nargs="+", required=True)
    parser.add_argument(
        "--synthetic", help="from label-pairs or evolve-pairs; without, originals are repeated"
    )
    add_model_arguments(parser)
    add_finetuning_arguments(parser)
    add_lora_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets xK/seed_S, a model folder each")
    parser.add_argument("--metrics", required=True)


def run(args):
    import time
    from pathlib import Path

    from lens.core.diagnostics import named, training_loss_flags
    from lens.files import artifacts
    from lens.language import loading
    from lens.language.finetuning import get_ready, is_first

    get_ready("trl.trainer.reward_trainer", "peft")
    loading.set_threads(args.threads)
    pairs = hard_pairs(args.pairs)
    synthetic = artifacts.read_table(args.synthetic) if args.synthetic else None
    by_scale: dict[str, dict] = {}
    tokens: Any = None
    flags, seconds, total = [], {}, 0
    for scale in args.scales:
        by_seed = by_scale.setdefault(str(scale), {})
        for seed in args.seeds:
            folder = Path(args.out_dir) / f"x{scale}" / f"seed_{seed}"
            begun = time.perf_counter()
            facts, tokens = train(args, pairs, synthetic, scale, seed, folder, tokens)
            by_seed[str(seed)] = facts
            flags += named(training_loss_flags(facts["last_loss"]), scale=scale, seed=seed)
            seconds[f"x{scale}/seed_{seed}"] = time.perf_counter() - begun
            total += facts["tokens"]
    if not is_first():
        return
    inputs = input_files(args, "pairs", "synthetic") | loading.weight_files(args.model)
    cost = training_cost(facts, tokens=total, seconds=seconds)
    facts = {"by_scale": by_scale, "flags": flags, "texts_shortened": tokens.shortened}
    write_metrics(args, inputs, facts, cost)


def train(args, pairs, synthetic, scale, seed, folder, tokens):
    """Trains and saves the model of one scale and seed; returns what happened, and the tokens of
    all texts so far."""
    from lens.core.seeds import derive_seed
    from lens.textspace import text_pairs

    rows = text_pairs.seed_rows(pairs, args.n_pairs, seed)
    table = text_pairs.training_pairs(pairs, rows, synthetic, scale=scale, seed=seed)
    how = finetuning(args)
    if synthetic is None:  # k shuffled passes: copies of a pair do not meet in a batch
        how = replace(how, epochs=how.epochs * scale)
    start = derive_seed(seed, "text") % 2**31  # one for all scales and methods, as for the MLPs
    _, tokens, facts = train_classifier(
        args, table, args.pairs, tokens, how, lora=lora(args), seed=start, out=folder
    )
    return facts, tokens
