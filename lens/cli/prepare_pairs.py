"""Check preference pairs, convert them to one form and split them by prompt."""

from lens.cli.shared.arguments import add_settings, options, settings


def add_arguments(parser):
    from lens.data.settings import PairsSettings

    add_settings(parser, PairsSettings)
    parser.add_argument("--pool", help="candidate table whose prompts may not train")
    parser.add_argument("--out", required=True, help="pair table (.parquet)")
    parser.add_argument("--out-prompts", required=True, help="test prompts (.parquet)")
    parser.add_argument("--report", required=True, help="counts of rows kept and dropped (.json)")


def run(args):
    from dataclasses import asdict

    from lens.core.errors import LensError
    from lens.data import splits
    from lens.files import artifacts

    if bool(args.path) == bool(args.hub):
        raise LensError("give either --path (a local file) or --hub (a Hub dataset id).")
    wants_test = args.test_path if args.path else args.test_split
    train, report, form = load(args, args.path or args.train_split)
    test, test_report, _ = load(args, wants_test) if wants_test else (None, None, None)
    pool = artifacts.read_table(args.pool) if args.pool else None
    pairs = splits.split_pairs(
        train,
        test,
        report,
        pool=pool,
        **options(args, "group_by", "invalid_rows", "test_fraction", "seed"),
        **options(args, "max_train_pairs", "max_test_pairs"),
    )
    prompts = splits.test_prompts(pairs, args.test_prompts, args.seed)
    artifacts.write_table(args.out, pairs)
    artifacts.write_table(args.out_prompts, prompts)
    test_where = test_report.where_by_id if test_report else {}
    where_by_id = report.where_by_id | {f"test-{key}": where for key, where in test_where.items()}
    inputs = {"pairs": args.path, "test_pairs": args.test_path, "pool": args.pool}
    facts = {
        "form": asdict(form),
        "train_source": report.as_dict(),
        "test_source": test_report.as_dict() if test_report else None,
        "pairs": pairs["split"].value_counts().to_dict(),
        **looked_at(pairs, where_by_id, pool, args.group_by),
    }
    inputs = {name: path for name, path in inputs.items() if path}
    artifacts.write_metrics(args.report, settings(args), inputs, facts, {})


def load(args, source):
    """(pairs, report, form) of a local file or of a split on the Hub."""
    import sys

    from lens.core.errors import printable
    from lens.data.forms import to_pairs
    from lens.data.pairs import normalise_pairs, select_rows
    from lens.data.reading.explained import unused_warning
    from lens.data.soft_labels import settled
    from lens.data.sources import read_hub_rows, read_rows

    rows = read_rows(source) if args.path else read_hub_rows(args.hub, args.revision, source)
    selected = select_rows(rows, args.where)
    reading = options(args, "pair_rule", "columns")
    given, form = to_pairs(selected, **reading, graded=True)
    if warning := unused_warning([*form.telling, *form.inside]):
        print(printable(f"{source}: Warning: {warning}"), file=sys.stderr)
    rules = options(args, "group_by", "keep_prefix", "invalid_rows")
    pairs, report = normalise_pairs(settled(given, args.labels), **rules)
    report.not_selected = len(rows) - len(selected)
    return pairs, report, form


def looked_at(pairs, where, pool, group_by):
    """Problems of the pairs, as numbers and as flags."""
    from lens.core import diagnostics
    from lens.data import near_duplicates, splits

    near = splits.near_duplicates_of_training(pairs, where, pool, group_by)
    contradicting = splits.contradicting_pairs(pairs)
    flags = diagnostics.label_flags(contradicting, len(pairs))
    for kind, count in near.items():
        flags += near_duplicates.flag(count, f"{kind} prompts")
    return {
        "contradicting_pairs": contradicting,
        "longer_answer_wins": splits.longer_answer_wins(pairs),
        "near_duplicates": near,
        "flags": diagnostics.named(flags),
    }
