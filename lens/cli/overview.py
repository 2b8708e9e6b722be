"""Write the first page of the report: what was run, what helped, what did not, what it cost."""

from lens.cli.shared.publish import add_out_arguments, publish


def add_arguments(parser):
    parser.add_argument("--name", required=True, help="of the run")
    parser.add_argument("--results", required=True, help="the run's folder, with its cost.json")
    parser.add_argument("--table-1", required=True, help="table_1.csv")
    parser.add_argument("--observations", required=True, help="table_1_observations.csv")
    parser.add_argument("--comparisons", required=True, help="table_1_comparisons.csv")
    parser.add_argument("--claims", nargs="*", default=[], help="*_paper.csv of tables and figures")
    add_out_arguments(parser, "gets overview.md, .rst, .png, .pdf, ...")


def run(args):
    from pathlib import Path

    import pandas as pd

    from lens.files.artifacts import read_table, write_table, write_text
    from lens.paper import costs, flags, overview
    from lens.report import figures, gold_model, pages
    from lens.report.paper_comparison import COLUMNS

    out, jobs, raised = Path(args.out_dir), costs.jobs(args.results), flags.gather(args.results)
    gold = overview.judged(read_table(args.comparisons))
    claims = [table for table in map(read_table, args.claims) if len(table)]
    sections = overview.sections(
        read_table(args.table_1),
        read_table(args.observations)["seed"].nunique(),
        gold,
        pd.concat(claims, ignore_index=True) if claims else pd.DataFrame(columns=COLUMNS),
        jobs,
        raised,
        args.paper_names,
        args.comparable,
        gold_model.held_out_accuracy(args.gold_card) if args.gold_card else "",
    )
    rows = overview.picture_rows(gold)
    figures.save(overview.draw(rows), out, "overview")
    title, png = f"Run {args.name}", (out / "overview.png").read_bytes()
    write_table(out / "overview_flags.csv", raised[0])
    write_text(out / "overview.md", pages.markdown(title, sections, "overview.png"))
    write_text(out / "overview.rst", pages.rst(title, sections, png))
    files = [args.table_1, args.observations, args.comparisons, *args.claims]
    inputs = {Path(file).stem: file for file in files}
    publish(args, table=rows, observations=jobs, inputs=inputs)
