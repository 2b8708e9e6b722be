"""Take the gold scores that a pool of candidates brings along."""

from lens.cli.prepare_candidates import add_pool_arguments, read_pool
from lens.cli.shared.arguments import settings


def add_arguments(parser):
    add_pool_arguments(parser)
    parser.add_argument("--gold-field", default="gold", help="an answer's gold score")
    parser.add_argument("--out", required=True, help="prompt_id, candidate, gold (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens.evaluation.judge import describe_gold
    from lens.files import artifacts

    pool = read_pool(args, args.gold_field)
    artifacts.write_table(args.out, pool[["prompt_id", "candidate", "gold"]])
    artifacts.write_metrics(
        args.metrics, settings(args), {"pool": args.path}, describe_gold(pool), {}
    )
