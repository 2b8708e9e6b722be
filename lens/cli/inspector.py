"""Show where synthetic embeddings lie among the real ones: a table, examples, a picture."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--inspected", required=True, help="folder from inspect-synthetic")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets inspector.md, .html, .png, ...")


def run(args):
    from pathlib import Path

    from lens.files.artifacts import read_json, read_table
    from lens.paper import inspector
    from lens.report import figures
    from lens.report.files import write_table

    folder = Path(args.inspected)
    about, found = read_json(folder / "metrics.json"), read_json(folder / "examples.json")
    made, metrics = about["settings"], about["metrics"]
    seen = inspector.observations(read_table(folder / "embeddings.parquet"), metrics["spacing_far"])
    table = inspector.summary(seen, metrics)
    figures.save(inspector.draw(seen, metrics), args.out_dir, "inspector")
    labels = {name: made[name] for name in ("dataset", "model", "n_pairs", "scale", "seed")}
    write_table(
        args.out_dir,
        "inspector",
        inspector.printed(table, made, metrics),
        table=table.assign(**labels)[[*labels, *table]],
        observations=seen.assign(**labels)[[*labels, *seen]],
        compared=inspector.compared(seen, made, args.paper_names, args.comparable),
        settings={**settings(args), "inspected_with": made},
        inputs={
            name: folder / name for name in ("embeddings.parquet", "examples.json", "metrics.json")
        },
        examples=inspector.examples(found),
    )
