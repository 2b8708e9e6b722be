"""Check a file or Hub dataset of preferences before anything runs."""

from lens.cli.shared.your_data import add_data_arguments


def add_arguments(parser):
    parser.add_argument(
        "source", nargs="+", help="`data`, and a local file (.jsonl, .csv, ...) or Hub dataset id"
    )
    add_data_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args):
    import json

    from lens.core.errors import LensError
    from lens.data.check import check_data, render
    from lens.data.sources import read_source

    *what, source = args.source
    if what not in ([], ["data"]):
        raise LensError(f"{' '.join(args.source)}: check one source, `lens check data SOURCE`.")
    rows = read_source(source, split=args.split, revision=args.data_revision)
    check = check_data(
        rows,
        pair_rule=args.pairs,
        group_by=args.group_by,
        columns=args.columns,
        labels=args.labels,
    )
    print(json.dumps(check.as_dict(), indent=2) if args.json else render(check))
