"""Embed both answers of every preference pair."""

from lens.cli._arguments import add_model_arguments, settings


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    add_model_arguments(parser)
    add_embedding_arguments(parser)
    parser.add_argument("--out", required=True, help="embeddings (.safetensors)")
    parser.add_argument("--metrics", required=True)


def add_embedding_arguments(parser):
    parser.add_argument("--pooling", default="last", choices=["last", "mean", "first"])
    parser.add_argument("--layer", type=int, default=-1, help="-1: final hidden state")
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens in one batch")


def run(args):
    from lens import artifacts

    pairs = artifacts.read_table(args.pairs)
    embed_answers(args, args.pairs, pairs, {"chosen": "chosen", "rejected": "rejected"}, "id")


def embed_answers(args, table_path, table, answer_columns, id_column):
    """Embeds the answers of each column beside the table's prompts and saves one array a column."""
    from lens import artifacts, models
    from lens.cli._encoder import encoder

    models.set_threads(args.threads)
    reader = encoder(args)
    prompts, answers, names = [], [], []
    for name, column in answer_columns.items():
        prompts += list(table["prompt"])
        answers += list(table[column])
        names += [f"{table_path}, {id_column} {key}, {name}" for key in table[id_column]]
    token_ids, shortened = reader.token_ids(prompts, answers, names)
    embeddings = reader.embed_tokens(token_ids, names, prompts=prompts)
    parts = embeddings.reshape(len(answer_columns), len(table), -1)
    about = {"rows_sha256": artifacts.sha256(table_path)}
    artifacts.write_arrays(args.out, dict(zip(answer_columns, parts, strict=True)), about)
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"rows": table_path, **models.weight_files(args.model)},
        {
            "texts": len(names),
            "tokens": sum(map(len, token_ids)),
            "texts_shortened": shortened,
            "dimension": embeddings.shape[1],
        },
        {"tokens": sum(map(len, token_ids)), "parameters": reader.load()[1].num_parameters()},
    )
