"""Publishing a table or figure of the paper."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_cell_arguments(parser, *, cells: str = "folders from best-of-n") -> None:
    parser.add_argument("--cells", nargs="+", required=True, help=cells)


def add_out_arguments(parser, out: str | None = None, *, paper: bool = True) -> None:
    """Arguments for the output folder (`out` lists the files) and the comparison with the paper."""
    if paper:
        add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help=out)


def read_metrics(folders, name: str = "metrics.json") -> dict:
    """The file of this name in each folder, by folder."""
    from pathlib import Path

    return {folder: Path(folder) / name for folder in folders}


def publish(args, *, drawn=None, name: str | None = None, about: dict | None = None, **parts):
    """`lens.report.files.publish` under the command's name; `drawn` is one figure, or {name:
    figure}. `about` is added to the arguments in the settings file."""
    from lens.report import figures, files

    name = name or args.command.replace("-", "_")
    if drawn is not None:
        for panel, figure in (drawn if isinstance(drawn, dict) else {name: drawn}).items():
            figures.save(figure, args.out_dir, panel)
    files.publish(args.out_dir, name, settings=settings(args) | (about or {}), **parts)
