"""Embed pairs or candidates and save them as one .npy array [rows, 2 or candidates, features]."""

from lens.cli.shared.your_data import add_data_arguments, add_encoder_arguments, add_sample_argument


def add_arguments(parser):
    parser.add_argument("source", help="pairs, ratings, rankings, candidates: file or Hub dataset")
    parser.add_argument(
        "--candidates", action="store_true", help="rows are a prompt with its `candidates`"
    )
    add_encoder_arguments(parser)
    add_data_arguments(parser)
    add_sample_argument(parser)
    parser.add_argument("--out", required=True, help="array (.npy)")


def run(args):
    import sys

    import numpy as np

    from lens.cli.shared.embedding import encoder
    from lens.cli.shared.your_data import preferences, set_threads
    from lens.core.errors import LensError
    from lens.files import artifacts

    if not args.model:
        raise LensError("--model is needed: the folder or Hub id of the model that embeds.")
    set_threads(args)
    if args.candidates:
        from lens.data.candidates import normalise_pool
        from lens.data.reading.columns import rename_columns
        from lens.data.sources import read_source

        rows = read_source(args.source, split=args.split, revision=args.data_revision)
        pool = normalise_pool(rename_columns(rows, args.columns))
        count = pool["prompt_id"].nunique()
        reader = encoder(args)
        array = reader.embed(list(pool["prompt"]), list(pool["response"]), progress=True)
        note = reader.cut and f"{reader.cut:,} of {len(pool):,} texts were cut (--too-long)."
        array = array.reshape(count, len(pool) // count, -1)
    else:
        from lens.advice.own_pairs import embed_pairs

        data = embed_pairs(preferences(args, args.source), encoder(args))
        array, note = np.stack([data.chosen, data.rejected], axis=1), data.note
    artifacts.write_npy(args.out, array)
    print(f"{args.out}: {list(array.shape)}", file=sys.stderr)
    if note:
        print(note, file=sys.stderr)
