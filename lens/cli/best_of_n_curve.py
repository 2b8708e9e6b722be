"""Draw the gold reward of the best of n over n, method by method."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish, read_metrics


def add_arguments(parser):
    add_cell_arguments(parser)
    add_out_arguments(parser, "gets best_of_n_curve.csv, .png, .pdf", paper=False)


def run(args):
    from lens.paper import curves
    from lens.paper.cells import read_cells

    cells = read_cells(args.cells)
    table = curves.best_of_n_table(cells)
    publish(
        args,
        table=table,
        observations=curves.best_of_n_observations(cells),
        drawn=curves.draw_best_of_n(table),
        inputs=read_metrics(args.cells),
    )
