"""Choose the pairs whose labels would help a reward model most, and write them as tasks."""

from lens.cli.shared.arguments import options
from lens.cli.shared.your_data import add_data_arguments, add_encoder_arguments, positive

FORMATS = ["jsonl", "labelstudio", "argilla", "csv"]


def add_arguments(parser):
    parser.add_argument(
        "source", help="two answers per row, or a prompt's candidates: local file or Hub dataset"
    )
    parser.add_argument(
        "--have", help="labelled pairs: file, Hub dataset, or folder of `lens fit` or `lens advise`"
    )
    parser.add_argument("--count", type=positive, default=20, help="pairs in the batch")
    parser.add_argument("--format", default="jsonl", choices=FORMATS, help="of the tasks")
    parser.add_argument("--out", required=True, help="file for the tasks")
    add_encoder_arguments(parser)
    parser.add_argument(
        "--embeddings",
        nargs="+",
        help="instead of --model: .npy [rows, answers, features] of the pool, then .npy [pairs, 2, "
        "features] of --have, if that is no folder",
    )
    add_data_arguments(parser)
    parser.set_defaults(max_pairs=None)


def run(args):
    import sys

    from lens.advice.choose import choose
    from lens.cli.shared.your_data import set_threads
    from lens.core.seeds import derive_seed
    from lens.data.sources import read_source
    from lens.files import artifacts
    from lens.labels import tasks
    from lens.labels.pool import read_pool

    tell = lambda message: print(message, file=sys.stderr)  # noqa: E731
    _check(args)
    set_threads(args)
    have = _labelled(args)
    pool = read_pool(
        read_source(args.source, split=args.split, revision=args.data_revision),
        columns=args.columns,
        group_by=args.group_by,
        labelled=None if have is None else have.table,
    )
    left_out = "".join(f", {count:,} {reason}" for reason, count in pool.left_out.items())
    tell(f"{args.source}: {len(pool):,} pairs to choose from{left_out}.")
    at_random = _at_random(have)
    if args.embeddings:
        embedded = pool.gather(artifacts.read_npy(args.embeddings[0]), args.embeddings[0])
    else:
        embedded = pool.embed(_encoder(args, have))
    picks = choose(
        have,
        pool.sides(embedded),
        args.count,
        groups=pool.pairs["group"].to_numpy(),
        at_random=derive_seed("next", len(pool)) if at_random else None,
    )
    made = tasks.tasks(pool.pairs.iloc[picks])
    files = tasks.write(args.out, made, args.format)
    how = "drawn at random" if at_random else "chosen"
    print(f"{len(made)} pairs {how}: {', '.join(map(str, files))}")


def _check(args):
    from lens.core.errors import LensError

    folder = _is_folder(args.have)
    if args.embeddings:
        wanted = 1 if folder or not args.have else 2
        if args.model or len(args.embeddings) != wanted:
            files = ["the pool's", "then that of --have"][:wanted]
            raise LensError(
                f"--embeddings takes {wanted} .npy here ({', '.join(files)}), and not --model "
                "as well."
            )
    elif not args.model and not folder:
        raise LensError(
            "give --model (which embeds the texts), --embeddings (.npy), or a folder of `lens fit` "
            "as --have."
        )


def _is_folder(have):
    from pathlib import Path

    return bool(have) and Path(have).is_dir()


def _labelled(args):
    """The labelled pairs, embedded; None where there are none yet."""
    from lens.advice.extend import saved_pairs
    from lens.cli.shared.embedding import embedded_pairs

    if not args.have:
        return None
    if _is_folder(args.have):
        how = options(args, "device", "batch_tokens", "trust_remote_code")
        return saved_pairs(args.have, model=args.model, **how)
    return embedded_pairs(args, args.have, args.embeddings and args.embeddings[1])


def _encoder(args, have):
    from lens.cli.shared.embedding import encoder
    from lens.core.errors import LensError

    chosen = have.encoder if have is not None and _is_folder(args.have) else encoder(args)
    if chosen is None:
        raise LensError(
            f"{args.have}: its embeddings were imported, so the pool needs some of the same model: "
            "--embeddings POOL.npy."
        )
    return chosen


def _at_random(have):
    """Whether chance is the better guide, by a back-test on the labelled pairs, whose words are
    printed."""
    from tqdm import tqdm

    from lens.advice.backtest import FOLDS, ROUNDS, backtest

    if have is None:
        print("No labels yet: the batch is spread over the pool.")
        return False
    with tqdm(total=FOLDS * ROUNDS, desc="back-test", unit="fold", disable=None) as bar:
        result = backtest(have, progress=bar.update)
    print(result)
    return result.verdict in ("harm", "no difference")
