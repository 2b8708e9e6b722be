"""Draw the fits of C1 and B0: estimation error and synthesis bias by the number of pairs."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--out-dir", required=True, help="gets theory_fits.png, .pdf, .csv, ...")


def run(args):
    from pathlib import Path

    import pandas as pd

    from lens.files import artifacts
    from lens.paper import theory, theory_figures
    from lens.report import figures
    from lens.report.files import write_data

    theories = theory.read_theories(args.theory)
    points = pd.concat(
        [
            theory.together(theories, [one["points"][name] for one in theories]).assign(
                constant=name
            )
            for name in ("C1", "B0")
        ],
        ignore_index=True,
    )
    keys = ["dataset", "model", "constant", "n_pairs"]
    figures.save(theory_figures.draw_fits(theories), args.out_dir, "theory_fits")
    artifacts.write_table(
        Path(args.out_dir) / "theory_fits.csv",
        theory.over_seeds(points, keys, ["x", "observed", "fitted"]),
    )
    inputs = {folder: Path(folder) / "constants.json" for folder in args.theory}
    write_data(args.out_dir, "theory_fits", points, None, settings(args), inputs)
