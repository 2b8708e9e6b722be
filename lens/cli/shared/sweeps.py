"""What the commands of ablations share."""

from lens.cli.shared.publish import add_out_arguments, metrics_of, publish


def add_sweep_arguments(parser, *names, kind=float):
    """--NAME VALUES and --NAME-cells FOLDERS for each of the names, the controls, the output."""
    for name in names:
        parser.add_argument(f"--{name}", type=kind, nargs="+", required=True, help="values")
        parser.add_argument(
            f"--{name}-cells", nargs="+", required=True, help="from best-of-n, one for each value"
        )
    parser.add_argument("--controls", nargs="+", required=True, help="folders from best-of-n")
    add_out_arguments(parser)


def publish_sweeps(args, sweeps, folders, *, drawn=True):
    """Publishes the sweeps, by the names of their panels, as one table with a picture of each;
    without the paper's numbers where their dataset, model, scale or N is not the paper's."""
    from lens.paper import ablations, sweep

    artefact = args.command.replace("-", "_")
    sweeps = {
        name: ablations.beside_the_paper(each, args.paper_names, args.paper_n_pairs)
        for name, each in sweeps.items()
    }
    panels = list(sweeps.values())
    table = sweep.table(panels)
    publish(
        args,
        table=table,
        observations=sweep.seen(panels),
        parts=[sweep.printed(panels, table, [sweep.title(each) for each in panels])],
        compared=ablations.against_paper(artefact, panels, comparable=args.comparable),
        drawn={name: sweep.figure(each) for name, each in sweeps.items()} if drawn else None,
        inputs=metrics_of(folders),
    )
