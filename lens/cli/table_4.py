"""Write Table 4: synthesis as text and in latent space with several language models."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish, read_metrics


def add_arguments(parser):
    add_cell_arguments(parser, cells="folders from best-of-n and best-of-n-text")
    parser.add_argument("--scale", type=int, required=True)
    add_out_arguments(parser, "gets table_4.csv, .tex, .md, ...")


def run(args):
    from lens.paper import table_4
    from lens.paper.cells import observations, read_cells
    from lens.report.paper_comparison import verdicts

    wanted = table_4.methods_at(args.scale)
    cells = [cell for cell in read_cells(args.cells) if (cell.method, cell.scale) in wanted]
    arguments = (cells, args.scale, args.paper_names, args.paper_n_pairs)
    table = table_4.table_4(*arguments)
    publish(
        args,
        table=table,
        observations=observations(cells),
        parts=[table_4.printed(table, {cell.model: len(cell.seeds) for cell in cells})],
        compared=verdicts("table_4", table_4.compared(*arguments), comparable=args.comparable),
        inputs=read_metrics(args.cells),
    )
