"""A pool of candidate answers in a file."""

import json


def add_pool_arguments(parser):
    parser.add_argument(
        "--path", required=True, help="local file: .jsonl, .jsonl.gz, .parquet, ..."
    )
    parser.add_argument("--columns", type=json.loads, default={}, help='JSON {"ours": "theirs"}')
    parser.add_argument("--where", type=json.loads, default={}, help='JSON {"column": "value"}')
    parser.add_argument("--response-field", default="response", help="an answer's text")
    parser.add_argument("--max-candidates", type=int, help="take the first so many of each prompt")


def read_pool(args, gold_field):
    """The pool file as a candidate table, with a gold column if a field is named."""
    from lens.data.candidates import normalise_pool
    from lens.data.pairs import rename_columns, select_rows
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
