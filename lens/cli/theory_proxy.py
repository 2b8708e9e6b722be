"""Compare the theory's reference model with the true reward of the offline world."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--truth", required=True, help="truth.json from build-world")
    parser.add_argument("--kinds", nargs="+", required=True, help="dialogue, summary: one of each")
    parser.add_argument("--pairs", nargs="+", required=True, help="from prepare-pairs")
    parser.add_argument("--points", nargs="+", required=True, help="folders from theory-points")
    parser.add_argument("--out-dir", required=True, help="gets theory_proxy.md, .html and .json")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.report import files
    from lens.theory import proxy

    temperature = artifacts.read_json(args.truth)["settings"]["temperature"]
    comparisons, inputs = {}, {"truth": args.truth}
    for kind, table, folder in zip(args.kinds, args.pairs, args.points, strict=True):
        metrics = artifacts.read_json(Path(folder) / "metrics.json")
        pairs = artifacts.read_table(table)
        test = pairs[pairs["split"] == "test"].head(metrics["settings"]["max_test_pairs"])
        tables = [Path(folder) / f"{name}.csv" for name in ("estimation", "reconstruction")]
        about = {**metrics["metrics"], "delta": metrics["settings"]["delta"]}
        truth = proxy.true_losses(kind, test, temperature)
        estimation, reconstruction = map(artifacts.read_table, tables)
        comparisons[kind] = proxy.compare(estimation, reconstruction, about, truth)
        inputs |= {f"{kind}_{path.stem}": path for path in (Path(table), *tables)}
    out = Path(args.out_dir)
    files.write_page(out, "theory_proxy", proxy.printed(comparisons))
    artifacts.write_metrics(out / "theory_proxy.json", settings(args), inputs, comparisons)
