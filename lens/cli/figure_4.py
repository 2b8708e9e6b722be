"""Draw Figure 4: gold reward over beta (a), and by what is trained on (b)."""

from lens.cli.shared.publish import add_sweep_arguments, publish_sweeps


def add_arguments(parser):
    parser.add_argument(
        "--data-cells", nargs=3, required=True, help="original, synthetic, combined (best-of-n)"
    )
    add_sweep_arguments(parser, "beta")


def run(args):
    from lens.paper import ablations
    from lens.paper.cells import read_cells

    controls = read_cells(args.controls)
    original, synthetic, combined = read_cells(args.data_cells)
    panels = {
        "figure_4a": ablations.beta(args.beta, read_cells(args.beta_cells), controls),
        "figure_4b": ablations.data(original, synthetic, combined, controls),
    }
    publish_sweeps(args, panels, [*args.beta_cells, *args.data_cells, *args.controls])
