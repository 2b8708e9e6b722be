"""Judge text reward models: gold reward of the best of n candidates, accuracy on held-out pairs."""

from typing import Any

from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.shards import add_flush_argument, in_blocks
from lens.cli.shared.text import add_text_reward_arguments, score_with


def add_arguments(parser):
    parser.add_argument("--models", required=True, help="folder from train-text")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scales", type=int, nargs="+", required=True)
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--candidates", required=True, help="candidate table")
    parser.add_argument("--gold", required=True, help="gold scores of the candidates")
    add_text_reward_arguments(parser)
    add_flush_argument(parser, unit="texts", flush=4096)
    for label in ("dataset", "model", "method", "n-pairs"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    parser.add_argument("--out-prompts", required=True, help="one row per scale, seed, prompt, n")
    parser.add_argument("--out-pairs", required=True, help="one row per scale, seed and test pair")
    parser.add_argument("--metrics", required=True)


def run(args):
    from functools import cache, partial
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from lens.evaluation import judge
    from lens.files import artifacts, saves
    from lens.language import loading

    loading.set_threads(args.threads)
    held_out = judge.held_out_pairs(artifacts.read_table(args.pairs))
    candidates = artifacts.read_table(args.candidates)
    candidates = judge.with_gold(candidates, artifacts.read_table(args.gold), args.gold)
    columns = ["prompt", "response"]
    sides = [held_out.rename(columns={side: "response"}) for side in ("chosen", "rejected")]
    texts = pd.concat([part[columns] for part in (candidates, *sides)], ignore_index=True)
    prompts, tests, by_scale = [], [], {}
    cost: dict[str, int] = {}
    inputs = given = input_files(args, "pairs", "candidates", "gold")
    read = Reader(args, texts)
    for scale in args.scales:
        rewards = {}
        for seed in args.seeds:
            folder = Path(args.models) / f"x{scale}" / f"seed_{seed}"
            make = partial(read, cache(partial(read.load, folder)))
            of_model = {"model": (str(folder), None), "reward_model": str(folder)}
            scored, _, used = in_blocks(args, len(texts), make, inputs=given, **of_model)
            scores, cost = scored["score"].to_numpy(), saves.added(cost, used)
            rewards[seed] = np.split(scores, [len(candidates), len(candidates) + len(held_out)])
            inputs = inputs | {
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
    write_metrics(args, inputs, {"by_scale": by_scale}, cost)


class Reader:
    """Blocks of the texts with their rewards; texts become tokens once for all reward models."""

    def __init__(self, args, texts):
        self.args, self.texts = args, texts
        self.tokens: Any = None

    def load(self, folder):
        from lens.cli.shared.model import chosen_dtype
        from lens.language.finetuning import load_reward

        known = self.tokens.tokenizer if self.tokens else None
        return load_reward(
            str(folder), dtype=chosen_dtype(self.args), device=self.args.device, tokenizer=known
        )

    def __call__(self, loaded, first, stop):
        """(a block, no metrics, what it cost)."""
        import pandas as pd

        part, source = self.texts.iloc[first:stop], "candidates and pairs"
        tokenizer, model = loaded()
        scores, self.tokens, cost = score_with(
            self.args, tokenizer, model, part, source, self.tokens
        )
        return pd.DataFrame({"score": scores}), {}, cost
