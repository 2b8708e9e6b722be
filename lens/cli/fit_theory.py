"""Estimate C1, p, A, B0 and N0 with intervals, flags and predictions from measured points."""


def add_arguments(parser):
    parser.add_argument("--points", required=True, help="folder from theory-points")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--replicates", type=int, default=2000, help="of the bootstrap")
    parser.add_argument(
        "--out-dir",
        required=True,
        help="gets constants.json, predictions.csv, replicates.csv and points_C1, _p, _B0.csv",
    )


def run(args):
    from pathlib import Path

    from lens.cli.shared.arguments import settings
    from lens.files import artifacts
    from lens.theory import fit
    from lens.theory import predictions as theory_predictions

    points, out = Path(args.points), Path(args.out_dir)
    metrics = artifacts.read_json(points / "metrics.json")
    estimation = artifacts.read_table(points / "estimation.csv")
    reconstruction = artifacts.read_table(points / "reconstruction.csv")
    fitted, drawn = fit.fit(
        estimation,
        reconstruction,
        dim=metrics["metrics"]["dim"],
        delta=metrics["settings"]["delta"],
        replicates=args.replicates,
    )
    predictions = theory_predictions.compare(estimation, fitted, drawn)
    artifacts.write_table(out / "predictions.csv", predictions)
    artifacts.write_table(out / "replicates.csv", drawn)
    for name, table in fit.points_of_fits(estimation, reconstruction, fitted).items():
        artifacts.write_table(out / f"points_{name}.csv", table)
    fitted |= {
        "dataset": args.dataset,
        "model": args.model,
        "reference": metrics["metrics"],
        "helped_range": theory_predictions.helped_range(fitted),
        "corrected": theory_predictions.corrected(fitted, drawn, metrics["metrics"]["sizes"]),
        "readings": theory_predictions.readings(
            estimation, reconstruction, fitted, replicates=args.replicates, seed=0
        ),
        "settings": settings(args),
        "inputs": {
            name: artifacts.sha256(points / name)
            for name in ("estimation.csv", "reconstruction.csv", "metrics.json")
        },
        "versions": artifacts.versions(),
    }
    artifacts.write_json(out / "constants.json", fitted)
