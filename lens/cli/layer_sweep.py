"""Draw gold reward over the layer that embeddings are taken from (reviews)."""

from lens.cli.shared.sweeps import add_output_arguments, publish


def add_arguments(parser):
    parser.add_argument("--layers", type=int, nargs="+", required=True, help="-1: the last")
    parser.add_argument(
        "--cells", nargs="+", required=True, help="from best-of-n, as many for each layer, in order"
    )
    add_output_arguments(parser)


def run(args):
    from lens.paper import ablations, sweep
    from lens.paper.cells import read_cells
    from lens.report import figures

    cells = read_cells(args.cells)
    each = len(cells) // len(args.layers)
    by_layer = {layer: cells[i * each : (i + 1) * each] for i, layer in enumerate(args.layers)}
    found = ablations.layers(by_layer)
    (found,) = publish(args, "layer_sweep", [found], args.cells)
    figures.save(sweep.figure(found), args.out_dir, "layer_sweep")
