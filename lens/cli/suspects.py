"""List the labels that are most likely wrong, to be looked at again; none is changed."""

from lens.cli.shared.arguments import options
from lens.cli.shared.your_data import (
    add_data_arguments,
    add_encoder_arguments,
    add_sample_argument,
    positive,
)


def add_arguments(parser):
    parser.add_argument(
        "source", help="pairs: file, Hub dataset, or a folder of `lens fit` or `lens advise`"
    )
    add_encoder_arguments(parser)
    parser.add_argument("--embeddings", help="instead of --model: .npy [pairs, 2, features]")
    add_data_arguments(parser)
    add_sample_argument(parser)
    parser.add_argument("--count", type=positive, default=20, help="labels in the list")
    parser.add_argument("--seed", type=int, default=0, help="of folds")
    parser.add_argument("--out", required=True, help="the list (.jsonl), most suspect first")


def run(args):
    from lens.cli.shared.your_data import set_threads
    from lens.data.streams import open_out
    from lens.labels.suspects import suspects

    set_threads(args)
    pairs, votes = _saved(args) if _is_folder(args) else _read(args)
    result = suspects(pairs, votes=votes, seed=args.seed)
    shown = result.table.iloc[: args.count]
    with open_out(args.out) as write:
        write(_rows(shown, votes))
    print(result.summary(args.count))
    print(f"{len(shown)} labels to look at again: {args.out}")


def _is_folder(args):
    from pathlib import Path

    return Path(args.source).is_dir()


def _saved(args):
    from lens.advice.extend import saved_pairs
    from lens.core.errors import LensError

    if args.embeddings:
        raise LensError("--embeddings goes with a file of pairs: the folder has its own.")
    how = options(args, "device", "batch_tokens", "trust_remote_code")
    return saved_pairs(args.source, model=args.model, **how), {}


def _read(args):
    """(the pairs, embedded; who voted how in them)."""
    from lens.cli.shared.embedding import embedded_pairs
    from lens.cli.shared.your_data import check_embeddings
    from lens.data.sources import read_source
    from lens.labels.suspects import annotator_votes

    check_embeddings(args)
    pairs = embedded_pairs(args, args.source, args.embeddings)
    rows = read_source(args.source, split=args.split, revision=args.data_revision)
    return pairs, annotator_votes(rows, pair_rule=args.pairs, columns=args.columns)


def _rows(table, votes):
    for row in table.itertuples():
        fields = {"id": row.id, "prompt": row.prompt}
        fields |= {"chosen": row.chosen, "rejected": row.rejected}
        fields |= {"other_way": round(float(row.other_way), 4)}
        if votes.get(row.id):
            fields["annotators"] = {who: "for" if way else "against" for who, way in votes[row.id]}
        yield fields
