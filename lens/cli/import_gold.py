"""Import the gold scores that a pool of candidates contains."""

from lens.cli.shared.arguments import add_settings
from lens.cli.shared.outputs import add_stage_outputs, write_metrics
from lens.cli.shared.pool import add_pool_arguments, read_pool


def add_arguments(parser):
    from lens.data.settings import PoolSettings

    add_pool_arguments(parser)
    add_settings(parser, PoolSettings, only=("gold_field",))
    add_stage_outputs(parser, "prompt_id, candidate, gold (.parquet)")


def run(args):
    from lens.evaluation.judge import describe_gold
    from lens.files import artifacts

    pool = read_pool(args, args.gold_field)
    artifacts.write_table(args.out, pool[["prompt_id", "candidate", "gold"]])
    write_metrics(args, {"pool": args.path}, describe_gold(pool))
