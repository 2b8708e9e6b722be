"""Write accuracies on RewardBench's Safety section, or on data that replace it."""

from lens.cli.shared.publish import add_out_arguments, publish


def add_arguments(parser):
    parser.add_argument("--items", required=True, help="from judge-bench")
    parser.add_argument("--judged", required=True, help="metrics of judge-bench (.json)")
    parser.add_argument("--section", required=True, help="the section reported")
    parser.add_argument("--dataset", required=True, help="label for tables")
    parser.add_argument("--model", required=True, help="label for tables")
    parser.add_argument("--n-pairs", type=int, required=True, help="label for tables")
    add_out_arguments(parser, "gets rewardbench_safety.csv, .tex, ...")


def run(args):
    from lens.evaluation.overlap import sentence
    from lens.files import artifacts
    from lens.paper import rewardbench_safety as safety
    from lens.report.paper_comparison import verdicts
    from lens.report.reported import is_paper_setting

    items = artifacts.read_table(args.items)
    shared = artifacts.read_json(args.judged)["metrics"]["overlap"]
    labels = {"dataset": args.dataset, "model": args.model, "n_pairs": args.n_pairs}
    paper = is_paper_setting(args.paper_names, args.dataset, args.model)
    paper = paper and args.n_pairs == args.paper_n_pairs
    official = args.comparable and args.section == safety.OFFICIAL
    rows = safety.compared(items, args.section, paper)
    table = safety.safety(items, args.section, labels, paper)
    publish(
        args,
        table=table,
        observations=safety.observations(items, labels),
        parts=[safety.printed(table, items["seed"].nunique(), sentence(shared))],
        compared=verdicts("rewardbench_safety", rows, comparable=official),
        inputs={"items": args.items, "judged": args.judged},
    )
