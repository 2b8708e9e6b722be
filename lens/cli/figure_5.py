"""Draw Figure 5: the VAE's reconstruction error by the number of training pairs, with its fit."""

from lens.cli.shared.publish import add_out_arguments, publish, read_metrics


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    add_out_arguments(parser, "gets figure_5.png, .pdf, .csv, ...")


def run(args):
    from lens.paper import theory, theory_figures
    from lens.report.paper_comparison import verdicts

    theories = theory.read_theories(args.theory)
    points = theory.points(theories, "p")
    constants = theory.constants_table(theories, args.paper_names)
    rows = theory.constants_beside(constants[constants["constant"] == "p"])
    keys = ["dataset", "model", "budget", "n_pairs"]
    publish(
        args,
        table=theory.over_seeds(points, keys, ["observed", "fitted"]),
        observations=points,
        compared=verdicts("figure_5", rows, comparable=args.comparable),
        drawn=theory_figures.draw_figure_5(theories),
        inputs=read_metrics(args.theory, "constants.json"),
    )
