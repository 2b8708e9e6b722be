"""Score sampled responses with the annotator."""

from lens.cli.shared.model import chosen_dtype
from lens.cli.shared.shards import add_shard_arguments, run_shard, write_blocks
from lens.cli.shared.text import add_text_reward_arguments, score_with


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    parser.add_argument("--annotator", required=True, help="folder from train-annotator")
    add_text_reward_arguments(parser)
    add_shard_arguments(
        parser, out="responses with their score (.parquet)", unit="rows", flush=8192
    )


def run(args):
    from functools import cache

    from lens.files import artifacts
    from lens.language import loading
    from lens.language.finetuning import load_reward

    loading.set_threads(args.threads)
    table, inputs = artifacts.read_table(args.responses), {"responses": args.responses}
    loaded = cache(
        lambda: load_reward(args.annotator, dtype=chosen_dtype(args), device=args.device)
    )

    def make(first, stop):
        part = table.iloc[first:stop]
        scores, tokens, used = score_with(args, *loaded(), part, args.responses)
        facts = {"responses": len(part), "texts_shortened": tokens.shortened}
        return part.assign(score=scores), facts, used

    model = (args.annotator, None)
    run_shard(args, len(table), make, write_blocks(args), inputs=inputs, model=model)
