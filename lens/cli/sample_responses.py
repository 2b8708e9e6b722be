"""Sample responses to training or held-out prompts from the base model."""

from lens.cli._arguments import add_model_arguments
from lens.cli.generate_candidates import add_sampling_arguments, sample


def add_arguments(parser):
    parser.add_argument("--prompts", required=True, help="prompt table")
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument("--out", required=True, help="responses (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    sample(args, args.prompts)
