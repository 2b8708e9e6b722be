"""Score every candidate answer once with the gold reward model."""

from lens.cli.shared.gold import add_scoring_arguments, scorer
from lens.cli.shared.shards import add_shard_arguments, run_shard, write_blocks


def add_arguments(parser):
    add_scoring_arguments(parser)
    add_shard_arguments(
        parser, out="prompt_id, candidate, gold (.parquet)", unit="rows", flush=8192
    )


def run(args):
    from lens.files import artifacts

    table, score = artifacts.read_table(args.candidates), scorer(args)

    def make(first, stop):
        scored, shortened, used = score(table.iloc[first:stop])
        return scored[["prompt_id", "candidate", "gold"]], {"texts_shortened": shortened}, used

    inputs = {"candidates": args.candidates}
    run_shard(args, len(table), make, write_blocks(args), inputs=inputs)
