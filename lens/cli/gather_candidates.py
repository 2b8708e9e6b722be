"""Join the shards of a table of candidates, responses or scores."""


def add_arguments(parser):
    parser.add_argument("--shards", nargs="+", required=True, help="in order, a .json next to each")
    parser.add_argument("--out", required=True, help="table (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    import pandas as pd

    from lens.core import diagnostics
    from lens.evaluation.judge import describe_gold
    from lens.files import artifacts, shards

    reports = shards.read_reports(args.shards)
    facts, used = shards.merged(reports)
    parts = [
        artifacts.read_table(shard)
        for shard, report in zip(args.shards, reports, strict=True)
        if report["rows"]
    ]
    table = pd.concat(parts, ignore_index=True)
    artifacts.write_table(args.out, table)
    if "gold" in table:
        facts |= describe_gold(table)
    if "answers_cut" in facts:
        found = diagnostics.sampling_flags(facts["answers_cut"], len(table))
        facts["flags"] = diagnostics.named(found)
    shards.write_metrics(args.metrics, reports, facts, used)
