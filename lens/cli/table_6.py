"""Write Table 6: textual synthesis at several sampling temperatures."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish, read_metrics


def add_arguments(parser):
    parser.add_argument("--temperatures", type=float, nargs="+", required=True)
    add_cell_arguments(parser, cells="from best-of-n-text, in order")
    parser.add_argument("--control", required=True, help="of them all, from best-of-n-text")
    parser.add_argument("--lens", required=True, help="from best-of-n")
    parser.add_argument("--lens-control", required=True, help="from best-of-n")
    parser.add_argument("--probes", nargs="+", required=True, help="from best-of-n")
    add_out_arguments(parser, "gets table_6.csv, .tex, .md, ...")


def run(args):
    from lens.paper import table_6
    from lens.paper.cells import read_cells
    from lens.report.reported import is_paper_setting

    lens, lens_control = read_cells([args.lens, args.lens_control])
    control, *textual = (
        {cell.scale: cell for cell in read_cells([folder])}[lens.scale]
        for folder in (args.control, *args.cells)
    )
    by_temperature = dict(zip(args.temperatures, textual, strict=True))
    probes = read_cells(args.probes)
    paper = is_paper_setting(args.paper_names, lens.dataset, lens.model)
    paper = paper and lens.scale == 4 and lens.n_pairs == args.paper_n_pairs
    table = table_6.table_6(by_temperature, control, lens, lens_control, probes, paper)
    publish(
        args,
        table=table,
        observations=table_6.observed(by_temperature, [control, lens_control, lens, *probes]),
        parts=[table_6.printed(table_6.title(lens), table)],
        compared=table_6.against_paper(by_temperature, lens, paper, args.comparable),
        inputs=read_metrics(
            [*args.cells, args.control, args.lens, args.lens_control, *args.probes]
        ),
    )
