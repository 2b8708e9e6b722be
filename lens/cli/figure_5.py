"""Draw Figure 5: the VAE's reconstruction error by the number of training pairs, with its fit."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets figure_5.png, .pdf, .csv, ...")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.paper import theory, theory_figures
    from lens.report import figures
    from lens.report.files import write_data

    theories = theory.read_theories(args.theory)
    points = theory.together(theories, [one["points"]["p"] for one in theories])
    keys = ["dataset", "model", "budget", "n_pairs"]
    constants = theory.constants_table(theories, args.paper_names)
    compared = theory.against_paper(
        "figure_5",
        constants[constants["constant"] == "p"],
        points.iloc[:0],
        points.iloc[:0],
        args.paper_names,
        args.comparable,
    )
    figures.save(theory_figures.draw_figure_5(theories), args.out_dir, "figure_5")
    artifacts.write_table(
        Path(args.out_dir) / "figure_5.csv",
        theory.over_seeds(points, keys, ["observed", "fitted"]),
    )
    inputs = {folder: Path(folder) / "constants.json" for folder in args.theory}
    write_data(args.out_dir, "figure_5", points, compared, settings(args), inputs)
