"""Write Table 3: language models trained on the picks of reward models, by gold and by a judge."""

import json

from lens.cli.shared.publish import add_out_arguments, publish


def add_arguments(parser):
    parser.add_argument("--names", nargs="+", required=True, help="of the reward models")
    parser.add_argument("--scores", nargs="+", required=True, help="from score-sft, in their order")
    parser.add_argument(
        "--about",
        type=json.loads,
        required=True,
        help='JSON {"name": {"method": ..., "scale": ...}}',
    )
    parser.add_argument(
        "--trainings",
        type=json.loads,
        required=True,
        help='JSON {"name": metrics.json of train-reward}: what their VAEs explain',
    )
    parser.add_argument("--picks", required=True, help="from pick-responses, of any of them")
    parser.add_argument("--untrained", required=True, help="gold scores of candidates before SFT")
    parser.add_argument("--compared", nargs=2, required=True, help="names that the judge compared")
    parser.add_argument("--verdicts", required=True, help="from judge-sft")
    parser.add_argument("--judge", required=True, help="metrics from judge-sft")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--n-pairs", type=int, required=True)
    add_out_arguments(parser, "gets table_3.csv, .tex, .md, ...")


def run(args):
    import pandas as pd

    from lens.files.artifacts import read_json, read_table
    from lens.paper import table_3
    from lens.report.reported import is_paper_setting
    from lens.reward.method import mean_explained
    from lens.textspace.rejection_sampling import gold_by_seed

    files = dict(zip(args.names, args.scores, strict=True))
    scores = {name: read_table(path) for name, path in files.items()}
    gold, about = gold_by_seed(scores), args.about
    untrained = read_table(args.untrained).groupby("prompt_id")["gold"].mean()
    paper = is_paper_setting(args.paper_names, args.dataset, args.model)
    paper = paper and args.n_pairs == args.paper_n_pairs
    compared, verdicts = tuple(args.compared), read_table(args.verdicts)
    explained = {
        name: mean_explained(read_json(path)["metrics"]["by_seed"].values())
        for name, path in args.trainings.items()
    }
    table = table_3.table_3(gold, untrained.to_numpy(), about, compared, verdicts, paper, explained)
    seeds, prompts = gold[args.names[0]].shape
    picked = read_table(args.picks)["prompt_id"].nunique()
    facts = {"sft_prompts": picked, "test_prompts": prompts, "seeds": seeds}
    judge = read_json(args.judge)["metrics"]
    title = table_3.title({"dataset": args.dataset, "model": args.model}, facts, judge)
    seen = [rows.assign(picked_by=name) for name, rows in scores.items()]
    publish(
        args,
        table=table,
        observations=pd.concat(seen, ignore_index=True).rename(columns={"candidate": "seed"}),
        parts=[table_3.printed(title, table, seeds)],
        compared=table_3.against_paper(gold, about, compared, verdicts, paper, args.comparable),
        about={"judged": judge},
        inputs=files
        | {f"{name}_training": path for name, path in args.trainings.items()}
        | {"verdicts": args.verdicts, "untrained": args.untrained},
    )
