"""Choose prompts of the test split that no reward model trains on and none is judged by."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--test-prompts", required=True, help="prompts kept for judging")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="prompt table (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens.files import artifacts
    from lens.textspace.text_pairs import held_out_prompts

    pairs, used = artifacts.read_table(args.pairs), artifacts.read_table(args.test_prompts)
    prompts = held_out_prompts(pairs, used, args.count, args.seed)
    artifacts.write_table(args.out, prompts)
    inputs = {"pairs": args.pairs, "test_prompts": args.test_prompts}
    artifacts.write_metrics(args.metrics, settings(args), inputs, {"prompts": len(prompts)}, {})
