"""Draw the fits of C1 and B0: estimation error and synthesis bias by the number of pairs."""


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--out-dir", required=True, help="gets theory_fits.png and .pdf")


def run(args):
    from lens.paper import style, theory_figures
    from lens.paper.theory import read_theories

    figure = theory_figures.draw_fits(read_theories(args.theory))
    style.save(figure, args.out_dir, "theory_fits")
