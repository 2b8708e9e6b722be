"""Write Table 3: language models trained on the picks of reward models, by gold and by a judge."""

import json

from lens.cli.shared.arguments import add_paper_arguments, settings


def add_arguments(parser):
    parser.add_argument("--names", nargs="+", required=True, help="of the reward models")
    parser.add_argument("--scores", nargs="+", required=True, help="from score-sft, in their order")
    parser.add_argument(
        "--about",
        type=json.loads,
        required=True,
        help='JSON {"name": {"method": ..., "scale": ...}}',
    )
    parser.add_argument("--picks", required=True, help="from pick-responses, of any of them")
    parser.add_argument("--untrained", required=True, help="gold scores of candidates before SFT")
    parser.add_argument("--compared", nargs=2, required=True, help="names that the judge compared")
    parser.add_argument("--verdicts", required=True, help="from judge-sft")
    parser.add_argument("--judge", required=True, help="metrics from judge-sft")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--n-pairs", type=int, required=True)
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets table_3.csv, .tex, .md, ...")


def run(args):
    import pandas as pd

    from lens.files import artifacts
    from lens.paper import table_3
    from lens.report.files import write_table
    from lens.report.reported import MODEL_OF_TABLE_1
    from lens.textspace.rejection_sampling import gold_by_seed

    scores = {
        name: artifacts.read_table(path) for name, path in zip(args.names, args.scores, strict=True)
    }
    gold = gold_by_seed(scores)
    untrained = artifacts.read_table(args.untrained).groupby("prompt_id")["gold"].mean()
    names = args.paper_names
    paper = (names.get(args.dataset), names.get(args.model)) == ("hh_rlhf", MODEL_OF_TABLE_1)
    paper = paper and args.n_pairs == args.paper_n_pairs
    compared, verdicts = tuple(args.compared), artifacts.read_table(args.verdicts)
    table = table_3.table_3(gold, untrained.to_numpy(), args.about, compared, verdicts, paper)
    picks = artifacts.read_table(args.picks)
    facts = {
        "sft_prompts": picks["prompt_id"].nunique(),
        "test_prompts": gold[args.names[0]].shape[1],
        "seeds": gold[args.names[0]].shape[0],
    }
    judge = artifacts.read_json(args.judge)["metrics"]
    title = table_3.title({"dataset": args.dataset, "model": args.model}, facts, judge)
    seen = [table.assign(picked_by=name) for name, table in scores.items()]
    seen = pd.concat(seen, ignore_index=True).rename(columns={"candidate": "seed"})
    inputs = dict(zip(args.names, args.scores, strict=True)) | {"verdicts": args.verdicts}
    write_table(
        args.out_dir,
        "table_3",
        table_3.printed(title, table),
        table=table,
        observations=seen,
        compared=table_3.against_paper(
            gold, args.about, compared, verdicts, paper, args.comparable
        ),
        settings=settings(args) | {"judged": judge},
        inputs=inputs | {"untrained": args.untrained},
    )
