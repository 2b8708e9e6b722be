"""List the distinct prompts of the pairs that any seed may use, for responses to be sampled."""

from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs per seed")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    add_stage_outputs(parser, "prompt table (.parquet)")


def run(args):
    from lens.files import artifacts
    from lens.textspace.text_pairs import training_prompts

    prompts = training_prompts(artifacts.read_table(args.pairs), args.n_pairs, args.seeds)
    artifacts.write_table(args.out, prompts)
    write_metrics(args, input_files(args, "pairs"), {"prompts": len(prompts)})
