"""Draw Figure 2: gold reward over gamma (a), the noise variance (b) and N (c)."""

from lens.cli.shared.publish import add_sweep_arguments, publish_sweeps


def add_arguments(parser):
    parser.add_argument("--size-cells", nargs="+", required=True, help="from best-of-n, every N")
    add_sweep_arguments(parser, "gamma", "noise-variance")


def run(args):
    from lens.paper import ablations
    from lens.paper.cells import read_cells

    controls = read_cells(args.controls)
    noise = read_cells(args.noise_variance_cells)
    panels = {
        "figure_2a": ablations.gamma(args.gamma, read_cells(args.gamma_cells), controls),
        "figure_2b": ablations.noise_variance(args.noise_variance, noise, controls),
        "figure_2c": ablations.sizes(read_cells(args.size_cells)),
    }
    folders = [*args.gamma_cells, *args.noise_variance_cells, *args.size_cells, *args.controls]
    publish_sweeps(args, panels, folders)
