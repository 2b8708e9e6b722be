"""Write Table 4: synthesis as text and in latent space with several language models."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument(
        "--cells", nargs="+", required=True, help="folders from best-of-n and best-of-n-text"
    )
    parser.add_argument("--scale", type=int, required=True)
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets table_4.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    from lens.paper import table_4
    from lens.paper.cells import observations, read_cells
    from lens.report import files, paper_comparison

    wanted = table_4.shown(args.scale)
    cells = [cell for cell in read_cells(args.cells) if (cell.method, cell.scale) in wanted]
    table = table_4.table_4(cells, args.scale, args.paper_names, args.paper_n_pairs)
    rows = table_4.compared(cells, args.scale, args.paper_names, args.paper_n_pairs)
    files.write_table(
        args.out_dir,
        "table_4",
        table_4.printed(table, {cell.model: len(cell.seeds) for cell in cells}),
        table=table,
        observations=observations(cells),
        compared=paper_comparison.beside("table_4", rows, comparable=args.comparable),
        settings=settings(args),
        inputs={folder: Path(folder) / "metrics.json" for folder in args.cells},
    )
