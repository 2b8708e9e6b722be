"""Draw Figure 5: the VAE's reconstruction error by the number of training pairs, with its fit."""


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--out-dir", required=True, help="gets figure_5.png, .pdf and .csv")


def run(args):
    from pathlib import Path

    from lens import artifacts
    from lens.paper import style, theory_figures
    from lens.paper.theory import read_theories, together

    theories = read_theories(args.theory)
    style.save(theory_figures.draw_figure_5(theories), args.out_dir, "figure_5")
    table = together(theories, [one["points"]["p"] for one in theories])
    artifacts.write_table(Path(args.out_dir) / "figure_5.csv", table)
