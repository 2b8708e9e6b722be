"""Write and draw what reward models reach without augmentation, by the number of pairs."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="folders from best-of-n")
    parser.add_argument(
        "--out-dir", required=True, help="gets learning_curve.csv, .md, .html, .png, ..."
    )


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.paper import curves
    from lens.paper.cells import observations, read_cells
    from lens.report import figures
    from lens.report.files import write_data, write_page

    out = Path(args.out_dir)
    cells = read_cells(args.cells)
    table = curves.learning_table(cells)
    artifacts.write_table(out / "learning_curve.csv", table)
    write_page(out, "learning_curve", [curves.learning_printed(table)])
    figures.save(curves.draw_learning_curve(table), out, "learning_curve")
    inputs = {folder: Path(folder) / "metrics.json" for folder in args.cells}
    write_data(out, "learning_curve", observations(cells), None, settings(args), inputs)
