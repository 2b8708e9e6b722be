"""Embed sampled responses."""

from lens.cli.embed_pairs import add_answer_arguments, embed_answers


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_answer_arguments(parser)


def run(args):
    from lens.files import artifacts

    table = artifacts.read_table(args.responses)
    embed_answers(args, args.responses, table, {"responses": "response"}, "prompt_id")
