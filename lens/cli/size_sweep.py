"""Draw gold reward over N for latent and textual synthesis (reviews)."""

from lens.cli.shared.sweeps import add_output_arguments, publish


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="from best-of-n, every N")
    parser.add_argument("--text-cells", nargs="*", default=[], help="from best-of-n-text")
    parser.add_argument("--scale", type=int, required=True, help="of the textual cells")
    add_output_arguments(parser)


def run(args):
    from lens.paper import ablations, sweep
    from lens.paper.cells import read_cells
    from lens.report import figures

    textual = [cell for cell in read_cells(args.text_cells) if cell.scale == args.scale]
    found = ablations.sizes([*read_cells(args.cells), *textual])
    (found,) = publish(args, "size_sweep", [found], [*args.cells, *args.text_cells])
    figures.save(sweep.figure(found), args.out_dir, "size_sweep")
