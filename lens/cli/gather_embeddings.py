"""Write one index for the shards of an embedding stage; the embeddings are not copied."""


def add_arguments(parser):
    parser.add_argument("--shards", nargs="+", required=True, help="in order, a .json next to each")
    parser.add_argument("--out", required=True, help="index (embeddings.json)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens.files import artifacts, embeddings, shards

    reports = shards.read_reports(args.shards)
    facts, used = shards.merged(reports)
    maps = [arrays for arrays in map(artifacts.map_arrays, args.shards) if arrays]
    facts["dimension"] = next(iter(maps[0].values())).shape[1]
    embeddings.write_index(args.out, args.shards, reports)
    shards.write_metrics(args.metrics, reports, facts, used)
