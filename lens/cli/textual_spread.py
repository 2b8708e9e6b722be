"""Write how far results spread over seeds, in text and in latent space."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish, read_metrics


def add_arguments(parser):
    add_cell_arguments(parser, cells="folders from best-of-n and best-of-n-text")
    add_out_arguments(parser, "gets textual_spread.csv, .tex, .md, ...")


def run(args):
    from lens.paper import textual_spread as spread
    from lens.paper.cells import observations, read_cells
    from lens.report.paper_comparison import verdicts

    cells = [cell for cell in read_cells(args.cells) if cell.method in spread.METHODS]
    table = spread.textual_spread(cells, args.paper_names, args.paper_n_pairs)
    publish(
        args,
        table=table,
        observations=observations(cells),
        parts=[spread.printed(table)],
        compared=verdicts("textual_spread", spread.compared(table), comparable=args.comparable),
        inputs=read_metrics(args.cells),
    )
