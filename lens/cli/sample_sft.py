"""Sample one answer to every test prompt from each seed's SFT model."""

from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import add_stage_outputs, write_metrics
from lens.cli.shared.sampling import add_sampling_arguments, sampler


def add_arguments(parser):
    parser.add_argument("--models", required=True, help="folder from train-sft")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--prompts", required=True, help="test prompts from prepare-pairs")
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    add_stage_outputs(parser, "answers (.parquet); `candidate` is the seed")


def run(args):
    from argparse import Namespace
    from pathlib import Path

    import pandas as pd

    from lens.data.candidates import COLUMNS
    from lens.files import artifacts
    from lens.language import loading

    prompts = artifacts.read_table(args.prompts)
    inputs, answers, costs = {"prompts": args.prompts}, [], []
    for seed in args.seeds:
        folder = str(Path(args.models) / f"seed_{seed}")
        seed_args = Namespace(**{**vars(args), "model": folder, "revision": None, "candidates": 1})
        seed_args.seed = args.seed + seed
        texts, _, cost = sampler(seed_args)(prompts)
        answers.append(prompts.assign(candidate=seed, response=[row[0] for row in texts]))
        costs.append(cost)
        files = loading.weight_files(folder)
        inputs |= {f"seed_{seed}/{name}": path for name, path in files.items()}
    table = pd.concat(answers, ignore_index=True)[COLUMNS]
    artifacts.write_table(args.out, table)
    facts = {"answers": len(table), "empty_answers": int((table["response"] == "").sum())}
    total = {name: sum(cost[name] for cost in costs) for name in ("tokens", "new_tokens")}
    write_metrics(args, inputs, facts, total | {"parameters": costs[0]["parameters"]})
