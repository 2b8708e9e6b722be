"""Embed every candidate answer."""

from lens.cli.shared.embedding import add_answer_arguments, embed_answers


def add_arguments(parser):
    parser.add_argument("--candidates", required=True, help="candidate table")
    add_answer_arguments(parser)


def run(args):
    embed_answers(args, args.candidates, {"candidates": "response"}, "prompt_id")
