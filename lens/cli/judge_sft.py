"""Let a judge compare the answers of two SFT models, in both orders (Table 3)."""

from lens.cli.shared.judge import (
    add_endpoint_arguments,
    add_judge_arguments,
    judge_by_endpoint,
    judge_locally,
)
from lens.cli.shared.outputs import add_stage_outputs, write_metrics


def add_arguments(parser):
    parser.add_argument("--answers", nargs=2, required=True, help="a and b, from sample-sft")
    add_judge_arguments(parser)
    add_endpoint_arguments(parser)
    add_stage_outputs(parser, "a row for each seed and prompt (.parquet)")


def run(args):
    import sys

    import pandas as pd

    from lens.files import artifacts
    from lens.language import loading
    from lens.textspace import judging
    from lens.textspace.rejection_sampling import same_questions

    a, b = (artifacts.read_table(path) for path in args.answers)
    table = same_questions(a, b)
    inputs = {"a": args.answers[0], "b": args.answers[1]}
    if args.base_url:
        judged = judge_by_endpoint(args, table["prompt"], table["a"], table["b"])
        judged, cost = pd.concat([table, judged], axis=1), {}
    else:
        judged, cost = judge_locally(args, table, inputs)
        inputs |= loading.weight_files(args.model)
    if (judged["preferred"] == "none").all():
        print(
            "judge-sft: no pair has a verdict; the judge never wrote [[A]], [[B]] or [[C]] in both "
            "orders. Table 3 will have no win rate: check its prompt and --max-new-tokens.",
            file=sys.stderr,
        )
    artifacts.write_table(args.out, judged)
    write_metrics(args, inputs, {"pairs": len(table), **judging.describe(judged)}, cost)
