"""Write and draw the accuracy of reward models without augmentation, by the number of pairs."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish, read_metrics


def add_arguments(parser):
    add_cell_arguments(parser)
    add_out_arguments(parser, "gets learning_curve.csv, .md, .html, .png, ...", paper=False)


def run(args):
    from lens.paper import curves
    from lens.paper.cells import observations, read_cells

    cells = read_cells(args.cells)
    table = curves.learning_table(cells)
    publish(
        args,
        table=table,
        observations=observations(cells),
        parts=[curves.learning_printed(table)],
        latex=False,
        drawn=curves.draw_learning_curve(table),
        inputs=read_metrics(args.cells),
    )
