"""Score sampled responses with the annotator."""

from lens.cli._arguments import settings
from lens.cli._text import add_text_reward_arguments, score_texts


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    parser.add_argument("--annotator", required=True, help="folder from train-annotator")
    add_text_reward_arguments(parser)
    parser.add_argument("--out", required=True, help="responses with their score (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens import artifacts, models

    models.set_threads(args.threads)
    table = artifacts.read_table(args.responses)
    scores, tokens, cost = score_texts(args, args.annotator, table, args.responses)
    artifacts.write_table(args.out, table.assign(score=scores))
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"responses": args.responses, **models.weight_files(args.annotator)},
        {"responses": len(table), "texts_shortened": tokens.shortened},
        cost,
    )
