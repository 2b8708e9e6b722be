"""Draw gold reward over the augmentation scale, up to 64x (reviews)."""

from lens.cli.shared.sweeps import add_output_arguments, publish


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="from best-of-n, every scale")
    parser.add_argument("--controls", nargs="+", required=True, help="folders from best-of-n")
    add_output_arguments(parser)


def run(args):
    from lens.paper import ablations, sweep
    from lens.paper.cells import read_cells
    from lens.report import figures

    found = ablations.scales(read_cells(args.cells), read_cells(args.controls))
    (found,) = publish(args, "scale_sweep", [found], [*args.cells, *args.controls])
    figures.save(sweep.figure(found), args.out_dir, "scale_sweep")
