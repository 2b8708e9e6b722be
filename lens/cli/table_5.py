"""Write Table 5: what the VAE shares between preferred and rejected embeddings."""

from lens.cli.shared.publish import add_sweep_arguments, publish_sweeps


def add_arguments(parser):
    add_sweep_arguments(parser, "sharing", kind=str)


def run(args):
    from lens.paper import ablations
    from lens.paper.cells import read_cells

    cells, controls = read_cells(args.sharing_cells), read_cells(args.controls)
    sweeps = {"table_5": ablations.sharing(args.sharing, cells, controls)}
    publish_sweeps(args, sweeps, [*args.sharing_cells, *args.controls], drawn=False)
