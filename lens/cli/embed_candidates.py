"""Embed every candidate answer."""

from lens.cli.embed_pairs import add_answer_arguments, embed_answers


def add_arguments(parser):
    parser.add_argument("--candidates", required=True, help="candidate table")
    add_answer_arguments(parser)


def run(args):
    from lens.files import artifacts

    table = artifacts.read_table(args.candidates)
    embed_answers(args, args.candidates, table, {"candidates": "response"}, "prompt_id")
