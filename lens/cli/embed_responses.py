"""Embed sampled responses."""

from lens.cli._arguments import add_model_arguments
from lens.cli.embed_pairs import add_embedding_arguments, embed_answers


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_model_arguments(parser)
    add_embedding_arguments(parser)
    parser.add_argument("--out", required=True, help="embeddings (.safetensors)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens import artifacts

    table = artifacts.read_table(args.responses)
    embed_answers(args, args.responses, table, {"responses": "response"}, "prompt_id")
