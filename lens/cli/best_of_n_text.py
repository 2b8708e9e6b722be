"""Judge text reward models: gold reward of the best of n candidates, accuracy on held-out pairs."""

from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.text import add_text_reward_arguments, score_texts


def add_arguments(parser):
    parser.add_argument("--models", required=True, help="folder from train-text")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scales", type=int, nargs="+", required=True)
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--candidates", required=True, help="candidate table")
    parser.add_argument("--gold", required=True, help="gold scores of the candidates")
    add_text_reward_arguments(parser)
    for label in ("dataset", "model", "method", "n-pairs"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    parser.add_argument("--out-prompts", required=True, help="one row per scale, seed, prompt, n")
    parser.add_argument("--out-pairs", required=True, help="one row per scale, seed and test pair")
    parser.add_argument("--metrics", required=True)


def run(args):
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from lens.evaluation import judge
    from lens.files import artifacts
    from lens.language import loading

    loading.set_threads(args.threads)
    held_out = judge.held_out_pairs(artifacts.read_table(args.pairs))
    candidates = artifacts.read_table(args.candidates)
    candidates = judge.with_gold(candidates, artifacts.read_table(args.gold), args.gold)
    columns = ["prompt", "response"]
    sides = [held_out.rename(columns={side: "response"}) for side in ("chosen", "rejected")]
    texts = pd.concat([part[columns] for part in (candidates, *sides)], ignore_index=True)
    prompts, tests, by_scale, tokens, read = [], [], {}, None, 0
    inputs = input_files(args, "pairs", "candidates", "gold")
    for scale in args.scales:
        rewards = {}
        for seed in args.seeds:
            folder = Path(args.models) / f"x{scale}" / f"seed_{seed}"
            scores, tokens, cost = score_texts(
                args, str(folder), texts, "candidates and pairs", tokens
            )
            rewards[seed] = np.split(scores, [len(candidates), len(candidates) + len(held_out)])
            read += cost["tokens"]
            inputs |= {
                f"model_x{scale}_seed_{seed}/{name}": str(path)
                for name, path in loading.weight_files(folder).items()
            }
        of_candidates = {seed: of_both[0] for seed, of_both in rewards.items()}
        prompt_rows = judge.judge_candidates(of_candidates, candidates)
        more = judge.judge_pairs({s: r[1:] for s, r in rewards.items()}, held_out)
        prompts.append(prompt_rows.assign(scale=scale))
        tests.append(more.assign(scale=scale))
        by_scale[str(scale)] = judge.summary(prompt_rows, more, candidates, of_candidates)
    artifacts.write_table(args.out_prompts, pd.concat(prompts, ignore_index=True))
    artifacts.write_table(args.out_pairs, pd.concat(tests, ignore_index=True))
    write_metrics(args, inputs, {"by_scale": by_scale}, cost | {"tokens": read})
