"""What the stages for ablations share."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_sweep_arguments(parser, *names, kind=float):
    """--NAME VALUES and --NAME-cells FOLDERS for each of the names, and the controls."""
    for name in names:
        parser.add_argument(f"--{name}", type=kind, nargs="+", required=True, help="values")
        parser.add_argument(
            f"--{name}-cells", nargs="+", required=True, help="from best-of-n, one for each value"
        )
    parser.add_argument("--controls", nargs="+", required=True, help="folders from best-of-n")
    add_output_arguments(parser)


def add_output_arguments(parser):
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True)


def publish(args, artefact, sweeps, folders):
    """Writes the table of the sweeps and what stands beside it; gives the sweeps back, without the
    paper's numbers where their dataset, model, scale or N is not the paper's."""
    from pathlib import Path

    from lens.paper import ablations, sweep
    from lens.report.files import write_table

    sweeps = [
        ablations.beside_the_paper(each, args.paper_names, args.paper_n_pairs) for each in sweeps
    ]
    write_table(
        args.out_dir,
        artefact,
        sweep.printed(sweeps, sweep.table(sweeps), [sweep.title(each) for each in sweeps]),
        table=sweep.table(sweeps),
        observations=sweep.seen(sweeps),
        compared=ablations.against_paper(artefact, sweeps, comparable=args.comparable),
        settings=settings(args),
        inputs={folder: Path(folder) / "metrics.json" for folder in folders},
    )
    return sweeps
