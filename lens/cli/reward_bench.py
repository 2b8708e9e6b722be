"""Judge a reward model that `lens fit` saved on RewardBench, RM-Bench or JudgeBench.

The benchmark is read from files or from the Hub. Scores by subset, by section and overall follow
the official code; a tie counts as wrong, except in RewardBench 2, which shares it.
"""

from lens.cli.shared.arguments import add_settings, settings
from lens.cli.shared.your_data import add_reward_model_arguments


def add_arguments(parser):
    from lens.data.settings import PairsSettings

    add_reward_model_arguments(parser)
    parser.add_argument("--data", nargs="+", help="files with its rows, instead of the Hub")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--version", type=int, choices=[1, 2], help="of RewardBench; recognised if files are given"
    )
    which.add_argument(
        "--bench",
        choices=["rm-bench", "judge-bench"],
        help="another benchmark; recognised if files are given",
    )
    parser.add_argument("--split", help="of the Hub's data set (JudgeBench: gpt or claude)")
    add_settings(parser, PairsSettings, only=("columns",))
    parser.add_argument("--revision", default="main", help="Hub revision of the data set")
    parser.add_argument(
        "--training-data", help="the pairs that the model was fitted to: counts prompts they share"
    )
    parser.add_argument("--out", help="all scores, settings, versions and hashes (.json)")


def run(args):
    import sys

    from lens.advice.preferences import read_pairs
    from lens.cli.shared.your_data import reward_model
    from lens.core.errors import printable
    from lens.evaluation import bench_rows, rewardbench
    from lens.files import artifacts
    from lens.language import loading

    rows = read(args)
    training = read_pairs(args.training_data).table["prompt"] if args.training_data else None
    model = reward_model(args)
    version = args.bench or args.version
    with model.caching(progress=True):
        result = rewardbench.reward_bench(model, rows, version, columns=args.columns)
    if warning := bench_rows.unused(rows, args.columns):
        print(printable(f"Warning: {warning}"), file=sys.stderr)
    print(table(result))
    if model.note:
        print(model.note, file=sys.stderr)
    if training is not None:
        result["overlap"] = shared_with(training, rows, result["version"], args.columns)
    if args.out:
        inputs = {f"data_{number}": path for number, path in enumerate(args.data or [], 1)}
        inputs |= loading.weight_files(args.reward_model)
        artifacts.write_metrics(args.out, settings(args), inputs, result)


def shared_with(training, rows, version, columns):
    """Counts and prints the prompts that the rows share with the training pairs."""
    from lens.evaluation import bench_rows, overlap

    examples = bench_rows.read_examples(rows, version, columns)
    count = overlap.overlap(examples, training)
    print(overlap.sentence(count))
    return count


def read(args):
    """The rows of all files, or of the Hub's data set."""
    from lens.core.errors import LensError
    from lens.data.sources import read_hub_rows, read_rows
    from lens.evaluation import rewardbench

    if args.data:
        return [row for path in args.data for row in read_rows(path)]
    if not (args.bench or args.version):
        raise LensError(
            "no data. Give files with --data, or for the Hub's --version 1 or 2, --bench rm-bench "
            "or --bench judge-bench."
        )
    hub, split = rewardbench.HUB[args.bench or args.version]
    return read_hub_rows(hub, args.revision, args.split or split)


def table(result: dict) -> str:
    """The result as plain text: a line for each section and subset, scores in per cent."""
    from lens.core.errors import printable
    from lens.evaluation.bench_rows import NAMES

    matched = result["length_matched"]
    lines = [line(NAMES[result["version"]], "n", "score %", "length-matched %")]
    headings = {
        name: scores(name, scored, matched["sections"][name])
        for name, scored in result["sections"].items()
    }
    if result["outside_sections"]:
        headings[None] = "outside the sections"
    for section, heading in headings.items():
        lines.append(heading)
        lines += [
            scores(f"  {name}", subset, matched["subsets"][name])
            for name, subset in result["subsets"].items()
            if subset["section"] == section and name != section
        ]
    for name, score in result.get("difficulties", {}).items():
        lines.append(scores(name, {"n": result["n"], "score": score}))
    counted = sum(scored["n"] for scored in result["sections"].values())
    whole = {"n": counted, "score": result["overall"]}
    lines.append(scores("overall", whole, matched["overall"]))
    compared = "comparisons" if "difficulties" in result else f"{result['n']} examples"
    lines.append(f"exact ties: {100 * result['exact_ties']:.1f} % of {compared}")
    for name in ("missing_sections", "missing_subsets"):
        if 0 < len(result[name]) <= len(result["subsets"]):
            lines.append(f"{name.replace('_', ' ')}: {printable(', '.join(result[name]))}")
    return "\n".join(lines)


def scores(name: str, scored: dict, matched: float | None = None) -> str:
    return line(name, scored["n"], percent(scored["score"]), percent(matched))


def percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}"


def line(name: str, count: object, score: str, matched: str) -> str:
    from lens.core.errors import printable

    return f"{printable(name):<28}{count:>7}{score:>9}{matched:>18}"
