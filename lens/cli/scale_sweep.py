"""Draw gold reward over the augmentation scale, up to 64x (reviews)."""

from lens.cli.shared.publish import add_cell_arguments, add_sweep_arguments, publish_sweeps


def add_arguments(parser):
    add_cell_arguments(parser, cells="from best-of-n, every scale")
    add_sweep_arguments(parser)


def run(args):
    from lens.paper import ablations
    from lens.paper.cells import read_cells

    sweeps = {"scale_sweep": ablations.scales(read_cells(args.cells), read_cells(args.controls))}
    publish_sweeps(args, sweeps, [*args.cells, *args.controls])
