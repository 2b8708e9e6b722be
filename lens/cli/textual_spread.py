"""Write how far results spread over seeds, in text and in latent space."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument(
        "--cells", nargs="+", required=True, help="folders from best-of-n and best-of-n-text"
    )
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets textual_spread.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    from lens.paper import textual_spread
    from lens.paper.cells import observations, read_cells
    from lens.report import files, paper_comparison

    cells = [cell for cell in read_cells(args.cells) if cell.method in textual_spread.METHODS]
    table = textual_spread.textual_spread(cells, args.paper_names, args.paper_n_pairs)
    rows = textual_spread.compared(table)
    files.write_table(
        args.out_dir,
        "textual_spread",
        textual_spread.printed(table),
        table=table,
        observations=observations(cells),
        compared=paper_comparison.beside("textual_spread", rows, comparable=args.comparable),
        settings=settings(args),
        inputs={folder: Path(folder) / "metrics.json" for folder in args.cells},
    )
