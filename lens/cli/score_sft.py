"""Score the answers of SFT models with the gold reward model."""

from lens.cli.score_candidates import add_scoring_arguments, scorer
from lens.cli.shared.arguments import settings


def add_arguments(parser):
    add_scoring_arguments(parser)
    parser.add_argument("--out", required=True, help="prompt_id, candidate, gold (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens.evaluation.judge import describe_gold
    from lens.files import artifacts
    from lens.language import loading

    table, shortened, used = scorer(args)(artifacts.read_table(args.candidates))
    artifacts.write_table(args.out, table[["prompt_id", "candidate", "gold"]])
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"candidates": args.candidates, **loading.weight_files(args.model)},
        {"texts_shortened": shortened, **describe_gold(table)},
        used,
    )
