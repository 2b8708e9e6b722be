"""Draw the gold reward of the best of n over n, method by method."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="folders from best-of-n")
    parser.add_argument("--out-dir", required=True, help="gets best_of_n_curve.csv, .png, .pdf")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.paper import curves
    from lens.paper.cells import read_cells
    from lens.report import figures
    from lens.report.files import write_data

    cells = read_cells(args.cells)
    table = curves.best_of_n_table(cells)
    artifacts.write_table(Path(args.out_dir) / "best_of_n_curve.csv", table)
    figures.save(curves.draw_best_of_n(table), args.out_dir, "best_of_n_curve")
    inputs = {folder: Path(folder) / "metrics.json" for folder in args.cells}
    seen = curves.best_of_n_observations(cells)
    write_data(args.out_dir, "best_of_n_curve", seen, None, settings(args), inputs)
