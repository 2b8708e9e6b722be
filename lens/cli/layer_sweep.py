"""Draw gold reward over the layer that embeddings are taken from (reviews)."""

from lens.cli.shared.publish import add_cell_arguments, add_out_arguments, publish_sweeps


def add_arguments(parser):
    parser.add_argument("--layers", type=int, nargs="+", required=True, help="-1: the last")
    add_cell_arguments(parser, cells="from best-of-n, as many for each layer, in order")
    add_out_arguments(parser)


def run(args):
    from lens.paper import ablations
    from lens.paper.cells import read_cells

    cells = read_cells(args.cells)
    per_layer = len(cells) // len(args.layers)
    by_layer = {
        layer: cells[i * per_layer : (i + 1) * per_layer] for i, layer in enumerate(args.layers)
    }
    publish_sweeps(args, {"layer_sweep": ablations.layers(by_layer)}, args.cells)
