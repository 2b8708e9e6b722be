"""Arguments of commands that work in shards, and running one shard."""

from lens.cli.shared.arguments import settings


def add_shard_arguments(parser, *, out: str, unit: str, flush: int) -> None:
    parser.add_argument("--shard", type=int, default=0, help="number of this shard, from 0")
    parser.add_argument("--shards", type=int, default=1, help="jobs that the work is split into")
    parser.add_argument("--flush", type=int, default=flush, help=f"{unit} per saved block")
    parser.add_argument("--out", required=True, help=out)
    parser.add_argument("--metrics", required=True, help="report of the shard (.json)")


def add_flush_argument(parser, *, unit: str, flush: int) -> None:
    parser.add_argument("--flush", type=int, default=flush, help=f"{unit} between two saves")


def in_blocks(args, rows, make, *, inputs, model=None, **extra_settings):
    """(table, metrics, cost) of a stage of one job by `saves.blocks`: what an earlier attempt has
    left is not made again. `model` is as for `run_shard`; what is made with several of them says
    which by `extra_settings`."""
    from pathlib import Path

    import pandas as pd

    from lens.files import saves, shards

    made = saves.blocks(
        Path(args.metrics).parent / "blocks",  # goes when the metrics are written
        shards.Share(0, 1, args.flush).blocks(rows) or [(0, 0)],
        make,
        settings=settings(args) | extra_settings,
        inputs=inputs,
        model=model_identity(args, model),
    )
    return pd.concat(made.payloads, ignore_index=True), made.metrics, made.cost


def model_identity(args, model=None) -> dict[str, str]:
    """Which weights a model has."""
    from pathlib import Path

    from lens.files.artifacts import is_fitted, sha256
    from lens.language import loading

    if url := getattr(args, "base_url", None):
        # Whether it still gives the same vectors is tried as they are asked for.
        return {"endpoint": url, "model": args.model}
    if not model and is_fitted(args.model):  # whose encoder is tried as it is loaded
        return {"reward": sha256(Path(args.model) / "reward.safetensors")}
    return loading.identity(*(model or (args.model, args.revision, args.trust_remote_code)))


def unfinished(args, out, inputs):
    """`saves.unfinished` of a training; it also starts again where a model of the Hub has changed
    (weights of a folder are among the inputs)."""
    from lens.files import saves
    from lens.language import loading

    weights = loading.weight_files(args.model)
    made_by = {} if weights else model_identity(args)
    return saves.unfinished(out, settings(args) | {"hub": made_by}, inputs | weights)


def run_shard(args, rows, make, join_blocks, *, inputs, model=None) -> None:
    """`shards.run` for these arguments; `model` is (path, revision, trust_remote_code), by default
    from the arguments."""
    from lens.files import shards

    shards.run(
        shards.Share(args.shard, args.shards, args.flush),
        rows,
        make,
        join_blocks,
        out=args.out,
        report=args.metrics,
        settings=settings(args),
        inputs=inputs,
        model=model_identity(args, model),
    )


def write_blocks(args):
    """A function that writes the blocks of a table as one table."""

    def join_blocks(blocks):
        import pandas as pd

        from lens.files import artifacts

        table = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame()
        artifacts.write_table(args.out, table)

    return join_blocks
