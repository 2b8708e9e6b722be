"""Write Table 1: every method against its control, beside the paper's numbers."""

from lens.cli._arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="folders from best-of-n")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets table_1.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    from lens import artifacts
    from lens.paper import table_1
    from lens.paper.cells import aggregate, observations, read_cells

    out = Path(args.out_dir)
    cells = read_cells(args.cells)
    gold = table_1.table_1(cells, args.paper_names, args.paper_n_pairs)
    accuracy = aggregate(cells, "correct")
    titled_rows = table_1.blocks(gold, accuracy, cells)
    artifacts.write_table(out / "table_1.csv", gold)
    artifacts.write_table(out / "table_1_observations.csv", observations(cells))
    artifacts.write_table(out / "table_1_pair_accuracy.csv", accuracy)
    artifacts.write_text(out / "table_1.tex", table_1.latex(titled_rows))
    artifacts.write_text(out / "table_1.md", table_1.markdown(titled_rows))
    inputs = {folder: Path(folder) / "metrics.json" for folder in args.cells}
    artifacts.write_metrics(out / "table_1_settings.json", settings(args), inputs, {})
