"""Write Table 1: every method against its control, next to the paper's numbers."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish, read_metrics


def add_arguments(parser):
    add_cell_arguments(parser)
    add_out_arguments(parser, "gets table_1.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    from lens.files.artifacts import write_table
    from lens.paper import table_1
    from lens.paper.cells import aggregate, observations, read_cells

    cells, out = read_cells(args.cells), Path(args.out_dir)
    paper = (args.paper_names, args.paper_n_pairs)
    gold, accuracy = table_1.table_1(cells, *paper), aggregate(cells, "correct")
    write_table(out / "table_1_pair_accuracy.csv", accuracy)
    compared = table_1.comparisons(gold=gold, matched=aggregate(cells, "matched"), correct=accuracy)
    write_table(out / "table_1_comparisons.csv", compared)
    publish(
        args,
        table=gold.drop(columns=["p_value", "corrected_p_value"]),
        observations=observations(cells),
        parts=[table_1.printed(gold, accuracy, cells)],
        compared=table_1.against_paper(cells, *paper, args.comparable),
        inputs=read_metrics(args.cells),
    )
