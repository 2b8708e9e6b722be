"""Fine-tune the base model on picked responses (SFT), once for each seed."""

from dataclasses import replace

from lens.cli.shared.model import add_model_arguments, chosen_dtype, model_options
from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.shards import unfinished
from lens.cli.shared.text import (
    add_finetuning_arguments,
    finetuning,
    training_cost,
)


def add_arguments(parser):
    parser.add_argument("--picks", required=True, help="from pick-responses")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    add_model_arguments(parser)
    add_finetuning_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets seed_S, a model folder each")
    parser.add_argument("--metrics", required=True)


def run(args):
    from functools import partial

    from lens.core.processes import is_first
    from lens.files import artifacts, saves
    from lens.language import loading
    from lens.language.finetuning import get_ready

    get_ready("trl.trainer.sft_trainer")
    loading.set_threads(args.threads)
    picks = artifacts.read_table(args.picks)
    inputs = input_files(args, "picks") | loading.weight_files(args.model)
    by_seed, seconds = {}, {}
    with unfinished(args, args.out_dir, inputs) as folder:
        for seed in args.seeds:
            name = f"seed_{seed}"
            facts = saves.piece(folder / name, partial(train, args, picks, seed))
            seconds[name] = facts.pop("seconds")
            by_seed[str(seed)] = facts
    if not is_first():
        return
    total = sum(one["tokens"] for one in by_seed.values())
    cost = training_cost(facts, tokens=total, seconds=seconds)
    write_metrics(args, inputs, {"by_seed": by_seed}, cost)


def train(args, picks, seed, folder, checkpoint):
    """Trains and saves one seed's model; texts beyond --max-length tokens lose their end."""
    from transformers import AutoModelForCausalLM

    from lens.core.seeds import derive_seed
    from lens.language import loading
    from lens.language.finetuning import train_sft, weights_dtype
    from lens.language.templates import answer_starts
    from lens.textspace.rejection_sampling import to_train_on

    how = finetuning(args)
    load = model_options(args) | {"dtype": weights_dtype(chosen_dtype(args), how, None)}
    tokenizer, model = loading.load(AutoModelForCausalLM, **load)
    mine = to_train_on(picks, seed)
    ids, starts = answer_starts(
        mine["prompt"], mine["response"], tokenizer, args.text_style, mine["finished"]
    )
    limit = loading.context_length(tokenizer, model, args.max_length)
    return train_sft(
        model,
        tokenizer,
        ids,
        starts,
        replace(how, max_length=limit),
        seed=derive_seed(seed, "sft") % 2**31,
        out=folder,
        checkpoint=checkpoint,
    )
