"""Pick the best of several responses per prompt with a reward model: JSONL in, JSONL out."""

from lens.cli.shared.your_data import (
    add_reading_arguments,
    add_reward_model_arguments,
    finite,
    positive,
)


def add_arguments(parser):
    add_reward_model_arguments(parser)
    parser.add_argument(
        "source",
        nargs="?",
        default="-",
        help="rows with prompt and candidates (or responses, completions); - is standard input",
    )
    parser.add_argument("--out", default="-", help="file; - is standard output")
    parser.add_argument("--embeddings", help="instead of texts: .npy [rows, candidates, features]")
    parser.add_argument("--chunk", type=positive, default=8, help="rows read at a time")
    parser.add_argument(
        "--pessimism",
        type=finite,
        default=0.0,
        help="standard errors by which a reward is lowered before the best is picked",
    )
    add_reading_arguments(parser)


def run(args):
    import sys

    from lens.cli.shared.your_data import read_ahead, reward_model
    from lens.core.progress import Bar
    from lens.data.streams import chunks, open_out
    from lens.files import artifacts
    from lens.serving.scoring import pick_embedded, pick_rows

    model = reward_model(args)
    with open_out(args.out) as write:
        if args.embeddings:
            embeddings = artifacts.read_npy(args.embeddings)
            write(pick_embedded(model, embeddings, pessimism=args.pessimism))
        else:
            readings, stream, total = read_ahead(args, "candidates")
            with model.caching(), Bar(desc="best-of", total=total, unit="row") as bar:
                for rows in chunks(stream, args.chunk):
                    write(pick_rows(model, rows, readings, pessimism=args.pessimism))
                    bar.update(len(rows))
    if model.note:
        print(model.note, file=sys.stderr)
