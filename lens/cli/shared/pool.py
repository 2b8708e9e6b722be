"""A pool of candidate answers in a file."""

from lens.cli.shared.arguments import add_settings


def add_pool_arguments(parser):
    from lens.data.settings import PoolSettings

    add_settings(parser, PoolSettings, without=("gold", "gold_field"))


def read_pool(args, gold_field):
    """The pool file as a candidate table, with a gold column if a field is named."""
    from lens.data.candidates import normalise_pool
    from lens.data.pairs import select_rows
    from lens.data.reading.columns import rename_columns
    from lens.data.sources import read_rows

    rows = read_rows(args.path)
    if args.where:
        rows = select_rows(rows, args.where)
    return normalise_pool(
        rename_columns(rows, args.columns),
        response_field=args.response_field,
        gold_field=gold_field,
        max_candidates=args.max_candidates,
    )
