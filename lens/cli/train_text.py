"""Train text reward models (full fine-tuning or LoRA), one for each scale and seed."""

from dataclasses import replace
from typing import Any

from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.shards import unfinished
from lens.cli.shared.text import (
    add_finetuning_arguments,
    add_lora_arguments,
    finetuning,
    hard_pairs,
    lora,
    token_ids,
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
    from functools import partial

    from lens.core.diagnostics import named, training_loss_flags
    from lens.core.processes import is_first
    from lens.files import artifacts, saves
    from lens.language import loading
    from lens.language.finetuning import get_ready

    get_ready("trl.trainer.reward_trainer", "peft")
    loading.set_threads(args.threads)
    pairs = hard_pairs(args.pairs)
    synthetic = artifacts.read_table(args.synthetic) if args.synthetic else None
    inputs = input_files(args, "pairs", "synthetic") | loading.weight_files(args.model)
    by_scale: dict[str, dict] = {}
    flags, seconds, texts = [], {}, Texts(args)
    with unfinished(args, args.out_dir, inputs) as folder:
        for scale in args.scales:
            by_seed = by_scale.setdefault(str(scale), {})
            for seed in args.seeds:
                name = f"x{scale}/seed_{seed}"
                table, how = training_table(args, pairs, synthetic, scale, seed)
                texts.tables.append(table)
                facts = saves.piece(folder / name, partial(train, args, texts, how, seed))
                seconds[name], shortened = facts.pop("seconds"), facts.pop("texts_shortened")
                by_seed[str(seed)] = facts
                flags += named(training_loss_flags(facts["last_loss"]), scale=scale, seed=seed)
    if not is_first():
        return
    total = sum(facts["tokens"] for by_seed in by_scale.values() for facts in by_seed.values())
    cost = training_cost(facts, tokens=total, seconds=seconds)
    facts = {"by_scale": by_scale, "flags": flags, "texts_shortened": shortened}
    write_metrics(args, inputs, facts, cost)


def training_table(args, pairs, synthetic, scale, seed):
    """(pairs that the model of one scale and seed is trained on, how)."""
    from lens.textspace import text_pairs

    rows = text_pairs.seed_rows(pairs, args.n_pairs, seed)
    table = text_pairs.training_pairs(pairs, rows, synthetic, scale=scale, seed=seed)
    how = finetuning(args)
    if synthetic is None:  # k shuffled passes: copies of a pair do not meet in a batch
        how = replace(how, epochs=how.epochs * scale)
    return table, how


class Texts:
    """The tables of all models so far, and the tokens of their texts once a model is loaded."""

    def __init__(self, args):
        self.source, self.tables = args.pairs, []
        self.tokens: Any = None

    @property
    def shortened(self):
        """Distinct texts that were cut, those of models that an earlier attempt trained too."""
        for table in self.tables:
            for side in ("chosen", "rejected"):
                token_ids(self.tokens, table, side, self.source)
        return self.tokens.shortened


def train(args, texts, how, seed, folder, checkpoint):
    """Trains and saves a model on the last of the tables; returns what happened."""
    from lens.core.seeds import derive_seed

    start = derive_seed(seed, "text") % 2**31  # one for all scales and methods, as for the MLPs
    _, texts.tokens, facts = train_classifier(
        args,
        texts.tables[-1],
        args.pairs,
        texts.tokens,
        how,
        lora=lora(args),
        seed=start,
        out=folder,
        checkpoint=checkpoint,
    )
    return facts | {"texts_shortened": texts.shortened}
