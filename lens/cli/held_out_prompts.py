"""Choose prompts of the test split that are used neither for training nor for judging."""

from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--test-prompts", required=True, help="prompts kept for judging")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    add_stage_outputs(parser, "prompt table (.parquet)")


def run(args):
    from lens.files import artifacts
    from lens.textspace.text_pairs import held_out_prompts

    pairs, used = artifacts.read_table(args.pairs), artifacts.read_table(args.test_prompts)
    prompts = held_out_prompts(pairs, used, args.count, args.seed)
    artifacts.write_table(args.out, prompts)
    write_metrics(args, input_files(args, "pairs", "test_prompts"), {"prompts": len(prompts)})
