"""The records of a stage's work: metrics and cost."""

from lens.cli.shared.arguments import settings


def add_stage_outputs(parser, out: str) -> None:
    parser.add_argument("--out", required=True, help=out)
    parser.add_argument("--metrics", required=True)


def input_files(args, *names: str) -> dict[str, str]:
    """{argument: file} for those of these arguments that are given."""
    return {name: getattr(args, name) for name in names if getattr(args, name)}


def write_metrics(args, inputs, metrics, cost=None) -> None:
    """Writes metrics.json with the command's settings to `--metrics` or `--out-dir`, and cost.json
    next to it; then removes saved blocks."""
    from pathlib import Path
    from shutil import rmtree

    from lens.files import artifacts

    path = getattr(args, "metrics", None) or Path(args.out_dir) / "metrics.json"
    artifacts.write_metrics(path, settings(args), inputs, metrics, cost or {})
    rmtree(Path(path).parent / "blocks", ignore_errors=True)
