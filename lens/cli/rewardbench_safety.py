"""Write accuracies on RewardBench's Safety section, or on what stands in for it."""

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--items", required=True, help="from judge-bench")
    parser.add_argument("--judged", required=True, help="metrics of judge-bench (.json)")
    parser.add_argument("--section", required=True, help="the section reported")
    parser.add_argument("--dataset", required=True, help="label for tables")
    parser.add_argument("--model", required=True, help="label for tables")
    parser.add_argument("--n-pairs", type=int, required=True, help="label for tables")
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets rewardbench_safety.csv, .tex, ...")


def run(args):
    from lens.evaluation.overlap import sentence
    from lens.files import artifacts
    from lens.paper import rewardbench_safety
    from lens.report import files, paper_comparison
    from lens.report.reported import MODEL_OF_TABLE_1

    items = artifacts.read_table(args.items)
    shared = artifacts.read_json(args.judged)["metrics"]["overlap"]
    labels = {"dataset": args.dataset, "model": args.model, "n_pairs": args.n_pairs}
    names = (args.paper_names.get(args.dataset), args.paper_names.get(args.model))
    paper = names == ("hh_rlhf", MODEL_OF_TABLE_1) and args.n_pairs == args.paper_n_pairs
    rows = rewardbench_safety.compared(items, args.section, paper)
    official = args.section == rewardbench_safety.OFFICIAL
    table = rewardbench_safety.safety(items, args.section, labels, paper)
    files.write_table(
        args.out_dir,
        "rewardbench_safety",
        rewardbench_safety.printed(table, items["seed"].nunique(), sentence(shared)),
        table=table,
        observations=rewardbench_safety.observations(items, labels),
        compared=paper_comparison.beside(
            "rewardbench_safety", rows, comparable=args.comparable and official
        ),
        settings=settings(args),
        inputs={"items": args.items, "judged": args.judged},
    )
