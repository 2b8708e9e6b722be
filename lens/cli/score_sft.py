"""Score the answers of SFT models with the gold reward model."""

from lens.cli._arguments import settings
from lens.cli.score_candidates import add_scoring_arguments, scorer


def add_arguments(parser):
    add_scoring_arguments(parser)
    parser.add_argument("--out", required=True, help="prompt_id, candidate, gold (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens import artifacts, models
    from lens.evaluation import describe_gold

    table, shortened, used = scorer(args)(artifacts.read_table(args.candidates))
    artifacts.write_table(args.out, table[["prompt_id", "candidate", "gold"]])
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"candidates": args.candidates, **models.weight_files(args.model)},
        {"texts_shortened": shortened, **describe_gold(table)},
        used,
    )
