"""Draw the fits of C1 and B0: estimation error and synthesis bias by the number of pairs."""

from lens.cli.shared.publish import add_out_arguments, publish, read_metrics


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    add_out_arguments(parser, "gets theory_fits.png, .pdf, .csv, ...", paper=False)


def run(args):
    import pandas as pd

    from lens.paper import theory, theory_figures

    theories = theory.read_theories(args.theory)
    parts = [theory.points(theories, name).assign(constant=name) for name in ("C1", "B0")]
    points = pd.concat(parts, ignore_index=True)
    keys = ["dataset", "model", "constant", "n_pairs"]
    publish(
        args,
        table=theory.over_seeds(points, keys, ["x", "observed", "fitted"]),
        observations=points,
        drawn=theory_figures.draw_fits(theories),
        inputs=read_metrics(args.theory, "constants.json"),
    )
