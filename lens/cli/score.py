"""Score responses or pairs with a reward model: JSONL in, JSONL out, row by row."""

from lens.cli.shared.your_data import add_reading_arguments, add_reward_model_arguments, positive


def add_arguments(parser):
    add_reward_model_arguments(parser)
    parser.add_argument(
        "source",
        nargs="?",
        default="-",
        help="rows with prompt and response, or with chosen and rejected; - is standard input",
    )
    parser.add_argument("--out", default="-", help="file; - is standard output")
    parser.add_argument("--chunk", type=positive, default=64, help="rows read at a time")
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="add standard_error, and unlike_training: farther out than the training texts",
    )
    add_reading_arguments(parser)


def run(args):
    import sys

    from lens.cli.shared.your_data import read_ahead, reward_model
    from lens.core.progress import Bar
    from lens.data.streams import chunks, open_out
    from lens.serving.scoring import Tally, score_rows

    model = reward_model(args)
    readings, stream, total = read_ahead(args, "response")
    tally = Tally()
    bar = Bar(desc="score", total=total, unit="row")
    with open_out(args.out) as write, model.caching(), bar:
        for rows in chunks(stream, args.chunk):
            write(score_rows(model, rows, tally, readings, uncertainty=args.uncertainty))
            bar.update(len(rows))
    print(tally.summary(model), file=sys.stderr)
    if model.note:
        print(model.note, file=sys.stderr)
