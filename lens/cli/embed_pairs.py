"""Embed both answers of every preference pair."""

from lens.cli.shared.embedding import add_answer_arguments, embed_answers


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    add_answer_arguments(parser)


def run(args):
    embed_answers(args, args.pairs, {"chosen": "chosen", "rejected": "rejected"}, "id")
