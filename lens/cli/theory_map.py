"""Draw the predicted ratio of estimation errors over N and k, with the measured ones on it."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--points", nargs="+", required=True, help="folders from theory-points")
    parser.add_argument("--out-dir", required=True, help="gets theory_map.png, .pdf and .csv")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.paper import theory_figures
    from lens.paper.theory import read_theories, together
    from lens.report import figures
    from lens.report.files import write_data

    theories = read_theories(args.theory)
    figures.save(theory_figures.draw_map(theories), args.out_dir, "theory_map")
    table = together(theories, [one["predictions"] for one in theories])
    artifacts.write_table(Path(args.out_dir) / "theory_map.csv", table)
    points = [artifacts.read_table(Path(folder) / "estimation.csv") for folder in args.points]
    inputs = {folder: Path(folder) / "constants.json" for folder in args.theory}
    seen = together(theories, points)
    write_data(args.out_dir, "theory_map", seen, None, settings(args), inputs)
