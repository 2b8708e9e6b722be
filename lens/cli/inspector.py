"""Show where synthetic embeddings are among the real ones: a table, examples, a picture."""

from lens.cli.shared.publish import add_out_arguments, publish


def add_arguments(parser):
    parser.add_argument("--inspected", required=True, help="folder from inspect-synthetic")
    add_out_arguments(parser, "gets inspector.md, .html, .png, ...")


def run(args):
    from pathlib import Path

    from lens.files.artifacts import read_json, read_table
    from lens.paper import inspector

    names = ("embeddings.parquet", "examples.json", "metrics.json")
    inputs = {name: Path(args.inspected) / name for name in names}
    about = read_json(inputs["metrics.json"])
    made, metrics = about["settings"], about["metrics"]
    seen = inspector.observations(read_table(inputs["embeddings.parquet"]), metrics["spacing_far"])
    table = inspector.summary(seen, metrics)
    labels = {name: made[name] for name in ("dataset", "model", "n_pairs", "scale", "seed")}
    publish(
        args,
        table=table.assign(**labels)[[*labels, *table]],
        observations=seen.assign(**labels)[[*labels, *seen]],
        parts=[inspector.printed(table, made, metrics)],
        compared=inspector.compared(seen, made, args.paper_names, args.comparable),
        examples=inspector.examples(read_json(inputs["examples.json"])),
        drawn=inspector.draw(seen, metrics),
        about={"inspected_with": made},
        inputs=inputs,
    )
