"""Draw the predicted ratio of estimation errors over N and k, with the measured ones on it."""

from lens.cli.shared.publish import add_out_arguments, publish, read_metrics


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--points", nargs="+", required=True, help="folders from theory-points")
    add_out_arguments(parser, "gets theory_map.png, .pdf and .csv", paper=False)


def run(args):
    from lens.files.artifacts import read_table
    from lens.paper import theory_figures
    from lens.paper.theory import read_theories, together

    theories = read_theories(args.theory)
    points = read_metrics(args.points, "estimation.csv").values()
    publish(
        args,
        table=together(theories, [one["predictions"] for one in theories]),
        observations=together(theories, list(map(read_table, points))),
        drawn=theory_figures.draw_map(theories),
        inputs=read_metrics(args.theory, "constants.json"),
    )
