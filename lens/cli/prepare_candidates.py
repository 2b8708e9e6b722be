"""Check a pool of candidate answers (yours or a public one) and convert it to one form."""

from lens.cli.shared.outputs import add_stage_outputs, write_metrics
from lens.cli.shared.pool import add_pool_arguments, read_pool


def add_arguments(parser):
    add_pool_arguments(parser)
    add_stage_outputs(parser, "candidate table (.parquet)")


def run(args):
    from lens.files import artifacts

    pool = read_pool(args, gold_field=None)
    artifacts.write_table(args.out, pool)
    facts = {"prompts": int(pool["prompt_id"].nunique()), "candidates": len(pool)}
    write_metrics(args, {"pool": args.path}, facts)
