"""Arguments of commands that work in shards, and running one shard."""

from lens.cli.shared.arguments import settings


def add_shard_arguments(parser, *, out: str, unit: str, flush: int) -> None:
    parser.add_argument("--shard", type=int, default=0, help="number of this shard, from 0")
    parser.add_argument("--shards", type=int, default=1, help="jobs that the work is split into")
    parser.add_argument("--flush", type=int, default=flush, help=f"{unit} per saved block")
    parser.add_argument("--out", required=True, help=out)
    parser.add_argument("--metrics", required=True, help="report of the shard (.json)")


def run_shard(args, rows, make, whole, *, inputs, model=None) -> None:
    """`shards.run` for these arguments; `model` is (path, revision, trust_remote_code), by default
    from the arguments."""
    from lens.files import shards
    from lens.language import loading

    url = getattr(args, "base_url", None)
    if url:  # whether it still gives the same vectors is tried as they are asked for
        identity = {"endpoint": url, "model": args.model}
    else:
        identity = loading.identity(*(model or (args.model, args.revision, args.trust_remote_code)))
    shards.run(
        shards.Share(args.shard, args.shards, args.flush),
        rows,
        make,
        whole,
        out=args.out,
        report=args.metrics,
        settings=settings(args),
        inputs=inputs,
        model=identity,
    )


def write_blocks(args):
    """A function that writes the blocks of a table as one table."""

    def whole(blocks):
        import pandas as pd

        from lens.files import artifacts

        table = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame()
        artifacts.write_table(args.out, table)

    return whole
