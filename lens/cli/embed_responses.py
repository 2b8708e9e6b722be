"""Embed sampled responses."""

from lens.cli.shared.embedding import add_answer_arguments, embed_answers


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_answer_arguments(parser)


def run(args):
    embed_answers(args, args.responses, {"responses": "response"}, "prompt_id")
