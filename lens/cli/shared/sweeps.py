"""Arguments and output of the ablation commands."""

from lens.cli.shared.publish import add_out_arguments, publish, read_metrics


def add_sweep_arguments(parser, *names, kind=float):
    """Adds --NAME VALUES and --NAME-cells FOLDERS per setting, the controls and the output."""
    for name in names:
        parser.add_argument(f"--{name}", type=kind, nargs="+", required=True, help="values")
        parser.add_argument(
            f"--{name}-cells", nargs="+", required=True, help="from best-of-n, one for each value"
        )
    parser.add_argument("--controls", nargs="+", required=True, help="folders from best-of-n")
    add_out_arguments(parser)


def publish_sweeps(args, sweeps, folders, *, drawn=True):
    """Publishes {panel: sweep} as one table with one picture per panel; without the paper's numbers
    if dataset, model, scale or N are not the paper's."""
    from lens.paper import ablations, sweep

    artefact = args.command.replace("-", "_")
    sweeps = {
        name: ablations.beside_the_paper(panel, args.paper_names, args.paper_n_pairs)
        for name, panel in sweeps.items()
    }
    panels = list(sweeps.values())
    table = sweep.table(panels)
    publish(
        args,
        table=table,
        observations=sweep.swept_observations(panels),
        parts=[sweep.printed(panels, table, [sweep.title(panel) for panel in panels])],
        compared=ablations.against_paper(artefact, panels, comparable=args.comparable),
        drawn={name: sweep.figure(panel) for name, panel in sweeps.items()} if drawn else None,
        inputs=read_metrics(folders),
    )
