"""Write Table 6: textual synthesis at several sampling temperatures."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--temperatures", type=float, nargs="+", required=True)
    parser.add_argument("--cells", nargs="+", required=True, help="from best-of-n-text, in order")
    parser.add_argument("--control", required=True, help="of them all, from best-of-n-text")
    parser.add_argument("--lens", required=True, help="from best-of-n")
    parser.add_argument("--lens-control", required=True, help="from best-of-n")
    parser.add_argument("--probes", nargs="+", required=True, help="from best-of-n")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets table_6.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    import pandas as pd

    from lens.paper import table_6
    from lens.paper.cells import observations, read_cells
    from lens.report.files import write_table
    from lens.report.reported import MODEL_OF_TABLE_1

    (lens,), (lens_control,) = read_cells([args.lens]), read_cells([args.lens_control])
    probes = read_cells(args.probes)
    controls = {cell.scale: cell for cell in read_cells([args.control])}
    textual = {}
    for temperature, folder in zip(args.temperatures, args.cells, strict=True):
        found = {cell.scale: cell for cell in read_cells([folder])}
        textual[temperature] = found[lens.scale]
    names = args.paper_names
    paper = (names.get(lens.dataset), names.get(lens.model)) == ("hh_rlhf", MODEL_OF_TABLE_1)
    paper = paper and lens.scale == 4 and lens.n_pairs == args.paper_n_pairs
    control = controls[lens.scale]
    table = table_6.table_6(textual, control, lens, lens_control, probes, paper)
    seen = [
        observations([cell]).assign(temperature=temperature)
        for temperature, cell in [
            *textual.items(),
            *((None, c) for c in (control, lens_control, lens, *probes)),
        ]
    ]
    folders = [*args.cells, args.control, args.lens, args.lens_control, *args.probes]
    write_table(
        args.out_dir,
        "table_6",
        table_6.printed(table_6.title(lens), table),
        table=table,
        observations=pd.concat(seen, ignore_index=True),
        compared=table_6.against_paper(textual, lens, paper, args.comparable),
        settings=settings(args),
        inputs={folder: Path(folder) / "metrics.json" for folder in folders},
    )
