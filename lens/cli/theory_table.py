"""Write the theory's constants, predictions and checks next to the paper's, and the audit panel."""

from lens.cli.shared.publish import add_out_arguments, publish, read_metrics


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--points", nargs="+", required=True, help="folders from theory-points")
    add_out_arguments(parser, "gets theory.csv, .md, .tex, .html, ...")


def run(args):
    from pathlib import Path

    from lens.files.artifacts import read_table, write_text
    from lens.paper import theory, theory_panel, theory_print
    from lens.report import paper_comparison

    theories, out = theory.read_theories(args.theory), Path(args.out_dir)
    checks = read_metrics(args.points, "theorem_1.csv").values()
    theorem = theory.together(theories, list(map(read_table, checks)))
    constants = theory.constants_table(theories, args.paper_names)
    errors = theory.points(theories, "p")
    compared = theory.against_paper(
        "theory", constants, theorem, errors, args.paper_names, args.comparable
    )
    tables = theory_print.printed(theories, theorem, constants)
    tables["Comparison with the paper"] = (
        paper_comparison.HEADER,
        paper_comparison.printed(compared),
    )
    write_text(out / "theory.md", theory_print.markdown(theories, tables))
    write_text(out / "theory.tex", theory_print.latex(tables))
    write_text(out / "theory.html", theory_panel.html(theories, tables))
    publish(
        args,
        name="theory",
        table=constants,
        observations=theorem,
        compared=compared,
        inputs=read_metrics(args.theory, "constants.json"),
    )
