"""Write Table 1: every method against its control, beside the paper's numbers."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="folders from best-of-n")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets table_1.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.paper import table_1
    from lens.paper.cells import aggregate, observations, read_cells
    from lens.report.files import write_table

    cells = read_cells(args.cells)
    gold = table_1.table_1(cells, args.paper_names, args.paper_n_pairs)
    accuracy = aggregate(cells, "correct")
    write_table(
        args.out_dir,
        "table_1",
        table_1.printed(gold, accuracy, cells),
        table=gold.drop(columns=["p_value", "corrected_p_value"]),
        observations=observations(cells),
        compared=table_1.against_paper(
            cells, args.paper_names, args.paper_n_pairs, args.comparable
        ),
        settings=settings(args),
        inputs={folder: Path(folder) / "metrics.json" for folder in args.cells},
    )
    out = Path(args.out_dir)
    artifacts.write_table(out / "table_1_pair_accuracy.csv", accuracy)
    artifacts.write_table(out / "table_1_comparisons.csv", table_1.comparisons(gold, accuracy))
