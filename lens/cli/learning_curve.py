"""Write and draw what reward models reach without augmentation, by the number of pairs."""


def add_arguments(parser):
    parser.add_argument("--cells", nargs="+", required=True, help="folders from best-of-n")
    parser.add_argument(
        "--out-dir", required=True, help="gets learning_curve.csv, .md, .html, .png, ..."
    )


def run(args):
    from pathlib import Path

    from lens import artifacts
    from lens.paper import curves, files, style
    from lens.paper.cells import read_cells

    out = Path(args.out_dir)
    table = curves.learning_table(read_cells(args.cells))
    artifacts.write_table(out / "learning_curve.csv", table)
    files.write_page(out, "learning_curve", [curves.learning_printed(table)])
    style.save(curves.draw_learning_curve(table), out, "learning_curve")
