"""Train the annotator, a text reward model on all training pairs, that labels sampled responses."""

from lens.cli.shared.arguments import settings
from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import add_stage_outputs, write_metrics
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
    add_model_arguments(parser)
    add_finetuning_arguments(parser)
    add_lora_arguments(parser)
    parser.add_argument("--seed", type=int, default=0)
    add_stage_outputs(parser, "folder for the annotator")


def run(args):
    from pathlib import Path

    from lens.core import diagnostics
    from lens.core.processes import is_first
    from lens.files import saves
    from lens.language import loading
    from lens.language.finetuning import get_ready

    get_ready("trl.trainer.reward_trainer", "peft")
    loading.set_threads(args.threads)
    pairs = hard_pairs(args.pairs)
    pairs = pairs[pairs["split"] == "train"]
    inputs = {"pairs": args.pairs, **loading.weight_files(args.model)}
    how = {"lora": lora(args), "seed": args.seed, "out": Path(args.out)}
    how["checkpoint"] = saves.checkpoint(args.out, settings(args), inputs)
    _, tokens, facts = train_classifier(args, pairs, args.pairs, None, finetuning(args), **how)
    if not is_first():
        return
    flags = diagnostics.named(diagnostics.training_loss_flags(facts["last_loss"]), seed=args.seed)
    write_metrics(
        args,
        inputs,
        {"pairs": len(pairs), "texts_shortened": tokens.shortened, "flags": flags, **facts},
        training_cost(facts),
    )
