"""Show prompts where the augmented and the original reward model pick differently (A.3)."""

from lens.cli.shared.publish import add_out_arguments, publish


def add_arguments(parser):
    parser.add_argument("--datasets", nargs="+", required=True, help="names; files in their order")
    parser.add_argument("--model", required=True, help="label for tables")
    parser.add_argument("--candidates", nargs="+", required=True, help="candidate tables")
    parser.add_argument("--candidate-embeddings", nargs="+", required=True)
    parser.add_argument("--gold", nargs="+", required=True, help="gold scores of the candidates")
    for judge in ("original", "augmented", "control"):
        parser.add_argument(
            f"--{judge}", nargs="+", required=True, help="folders from train-reward"
        )
    parser.add_argument("--seed", type=int, required=True, help="whose examples are shown")
    add_out_arguments(parser, "gets qualitative.csv, .md, .html, ...", paper=False)


def run(args):
    import pandas as pd

    from lens.evaluation.qualitative import observations, summary
    from lens.paper import qualitative as paper
    from lens.report.paper_comparison import verdicts

    inputs: dict[str, str] = {}
    picks, tables, frames, seen = {}, {}, [], []
    for i, dataset in enumerate(args.datasets):
        dataset_picks, n_pairs, names = read(args, i, inputs)
        labels = {"dataset": dataset, "model": args.model, "n_pairs": n_pairs}
        title = f"{dataset}, {args.model}, N = {n_pairs:,}"
        table, rows = summary(dataset_picks), observations(dataset_picks)
        picks[title] = dataset_picks
        tables[f"{title}: {len(dataset_picks.ids):,} prompts, {len(dataset_picks.seeds)} seeds"] = (
            table
        )
        frames.append(table.assign(**labels)[[*labels, *table]])
        seen.append(rows.assign(**labels)[[*labels, *rows]])
    examples = [
        example
        for title, each in picks.items()
        for example in paper.examples(title, each, args.seed, names)
    ]
    publish(
        args,
        table=pd.concat(frames, ignore_index=True),
        observations=pd.concat(seen, ignore_index=True),
        parts=[paper.printed(tables, names)],
        compared=verdicts("qualitative", paper.claims(picks, names), comparable=False),
        examples=examples,
        inputs=inputs,
    )


def read(args, i: int, inputs: dict):
    """(picks on the i-th dataset, N, names of the judges); the files that they come from are added
    to `inputs`."""
    from pathlib import Path

    import numpy as np

    from lens.core.errors import LensError
    from lens.evaluation import judge as evaluation
    from lens.evaluation.qualitative import JUDGES, pick
    from lens.files import artifacts
    from lens.files.embeddings import read_embedded
    from lens.paper.method_names import method_name
    from lens.reward.head import RewardHead

    candidates, embeddings = read_embedded(args.candidates[i], args.candidate_embeddings[i])
    gold = artifacts.read_table(args.gold[i])
    candidates = evaluation.with_gold(candidates, gold, args.gold[i])
    for name in ("candidates", "candidate_embeddings", "gold"):
        inputs[f"{args.datasets[i]} {name}"] = getattr(args, name)[i]
    points = embeddings["candidates"][:]
    rewards, names, trained = {}, {}, {}
    for judge in JUDGES:
        folder = Path(getattr(args, judge)[i])
        trained[judge] = artifacts.read_json(folder / "metrics.json")["settings"]
        seeds, scale = trained[judge]["seeds"], trained[judge]["scale"]
        files = [folder / f"seed_{seed}.safetensors" for seed in seeds]
        inputs |= {f"{args.datasets[i]} {judge} {s}": f for s, f in zip(seeds, files, strict=True)}
        rewards[judge] = np.stack([RewardHead.load(f)(points) for f in files])
        names[judge] = method_name(trained[judge]["method"]) + (f" {scale}x" if scale > 1 else "")
    if any(one["seeds"] != seeds for one in trained.values()) or args.seed not in seeds:
        raise LensError(
            f"qualitative: the reward models of {args.datasets[i]} need the same seeds, "
            f"{args.seed} among them."
        )
    return pick(rewards, seeds, candidates), trained["original"]["n_pairs"], names
