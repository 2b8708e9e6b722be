"""Publishing a table or figure of the paper, an ablation's sweeps among them."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_cell_arguments(parser, *, cells: str = "folders from best-of-n") -> None:
    parser.add_argument("--cells", nargs="+", required=True, help=cells)


def add_out_arguments(parser, out: str | None = None, *, paper: bool = True) -> None:
    """Arguments for the output folder (`out` lists the files) and the comparison with the paper."""
    if paper:
        add_paper_arguments(parser)
    parser.add_argument(
        "--gold-card", help="JSON from fit or train-gold-model: its held-out accuracy is shown"
    )
    parser.add_argument("--out-dir", required=True, help=out)


def read_metrics(folders, name: str = "metrics.json") -> dict:
    """The file of this name in each folder, by folder."""
    from pathlib import Path

    return {folder: Path(folder) / name for folder in folders}


def publish(args, *, drawn=None, name: str | None = None, about: dict | None = None, **parts):
    """`lens.report.files.publish` under the command's name; `drawn` is one figure, or {name:
    figure}. `about` is added to the arguments in the settings file. Notes of tables
    say how accurate the gold model is if `--gold-card` does."""
    from dataclasses import replace

    from lens.report import figures, files, gold_model

    name = name or args.command.replace("-", "_")
    if drawn is not None:
        for panel, figure in (drawn if isinstance(drawn, dict) else {name: drawn}).items():
            figures.save(figure, args.out_dir, panel)
    if args.gold_card and "parts" in parts:
        accuracy = gold_model.held_out_accuracy(args.gold_card)
        parts["parts"] = [replace(p, note=f"{p.note} {accuracy}") for p in parts["parts"]]
    files.publish(args.out_dir, name, settings=settings(args) | (about or {}), **parts)


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
