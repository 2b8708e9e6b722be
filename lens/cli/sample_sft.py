"""Sample one answer to every test prompt from each seed's SFT model."""

from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import add_stage_outputs, write_metrics
from lens.cli.shared.sampling import add_sampling_arguments, sampler
from lens.cli.shared.shards import add_flush_argument, in_blocks


def add_arguments(parser):
    parser.add_argument("--models", required=True, help="folder from train-sft")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--prompts", required=True, help="test prompts from prepare-pairs")
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    add_flush_argument(parser, unit="prompts", flush=128)
    add_stage_outputs(parser, "answers (.parquet); `candidate` is the seed")


def run(args):
    from argparse import Namespace
    from functools import partial
    from pathlib import Path

    import pandas as pd

    from lens.core import diagnostics
    from lens.data.candidates import COLUMNS
    from lens.files import artifacts, saves
    from lens.language import loading

    prompts = artifacts.read_table(args.prompts)
    given, answers = {"prompts": args.prompts}, []
    total: dict[str, int] = {}
    inputs = dict(given)
    for seed in args.seeds:
        folder = str(Path(args.models) / f"seed_{seed}")
        seed_args = Namespace(**{**vars(args), "model": folder, "revision": None, "candidates": 1})
        seed_args.seed = args.seed + seed
        make = partial(answered, prompts, sampler(seed_args), seed)
        table, _, cost = in_blocks(seed_args, len(prompts), make, inputs=given)
        answers.append(table)
        total = saves.added(total, cost)
        files = loading.weight_files(folder)
        inputs |= {f"seed_{seed}/{name}": path for name, path in files.items()}
    table = pd.concat(answers, ignore_index=True)[[*COLUMNS, "finished"]]
    artifacts.write_table(args.out, table)
    facts = {
        "answers": len(table),
        "empty_answers": int((table["response"] == "").sum()),
        "answers_cut": (cut := int((~table["finished"]).sum())),
        "flags": diagnostics.named(diagnostics.sampling_flags(cut, len(table))),
    }
    write_metrics(args, inputs, facts, total)


def answered(prompts, sample, seed, first, stop):
    """A block of prompts with their answers, no metrics, and what they cost."""
    part = prompts.iloc[first:stop]
    answers, _, cost = sample(part)
    texts, finished = zip(*(row[0] for row in answers), strict=True)
    return part.assign(candidate=seed, response=texts, finished=finished), {}, cost
