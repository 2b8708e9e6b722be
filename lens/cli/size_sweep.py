"""Draw gold reward over N for latent and textual synthesis (reviews)."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish_sweeps


def add_arguments(parser):
    add_cell_arguments(parser, cells="from best-of-n, every N")
    parser.add_argument("--text-cells", nargs="*", default=[], help="from best-of-n-text")
    parser.add_argument("--scale", type=int, required=True, help="of the textual cells")
    add_out_arguments(parser)


def run(args):
    from lens.paper import ablations
    from lens.paper.cells import read_cells

    textual = [cell for cell in read_cells(args.text_cells) if cell.scale == args.scale]
    sweeps = {"size_sweep": ablations.sizes([*read_cells(args.cells), *textual])}
    publish_sweeps(args, sweeps, [*args.cells, *args.text_cells])
