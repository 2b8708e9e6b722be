"""Write the theory's constants, predictions and checks beside the paper's, and the audit panel."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--theory", nargs="+", required=True, help="folders from fit-theory")
    parser.add_argument("--points", nargs="+", required=True, help="folders from theory-points")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets theory.csv, .md, .tex, .html, ...")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.paper import theory, theory_panel
    from lens.report import paper_comparison
    from lens.report.files import write_data

    theories, out = theory.read_theories(args.theory), Path(args.out_dir)
    checks = [artifacts.read_table(Path(folder) / "theorem_1.csv") for folder in args.points]
    theorem = theory.together(theories, checks)
    constants = theory.constants_table(theories, args.paper_names)
    errors = theory.together(theories, [one["points"]["p"] for one in theories])
    compared = theory.against_paper(
        "theory", constants, theorem, errors, args.paper_names, args.comparable
    )
    tables = theory.printed(theories, theorem, constants)
    tables["Beside the paper"] = (paper_comparison.HEADER, paper_comparison.printed(compared))
    artifacts.write_table(out / "theory.csv", constants)
    artifacts.write_text(out / "theory.md", theory.markdown(theories, tables))
    artifacts.write_text(out / "theory.tex", theory.latex(tables))
    artifacts.write_text(out / "theory.html", theory_panel.html(theories, tables))
    inputs = {folder: Path(folder) / "constants.json" for folder in args.theory}
    write_data(out, "theory", theorem, compared, settings(args), inputs)
