"""Embedding texts: the encoder from the arguments, and a job's shard of a table."""

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.model import add_model_arguments, chosen_dtype, model_options
from lens.cli.shared.shards import add_shard_arguments, run_shard


def add_answer_arguments(parser):
    """Arguments for the model, how it embeds, and the shard."""
    add_model_arguments(parser)
    add_embedding_arguments(parser)
    add_shard_arguments(parser, out="embeddings (.safetensors)", unit="texts", flush=8192)


def add_embedding_arguments(parser):
    from lens.language.settings import EmbeddingSettings

    add_settings(parser, EmbeddingSettings)


def encoder(args):
    """The `Encoder` of `add_encoder_arguments`."""
    from lens.language.encoder import Encoder

    return Encoder(
        **model_options(args, path="model"),
        **options(args, "text_style", "pooling", "layer", "max_length", "batch_tokens"),
        **options(args, "prompt_name", "base_url", "key_variable", "cache"),
        too_long=args.too_long or "auto",
    )


def embedded_pairs(args, source, embeddings=None):
    """The pairs of `add_data_arguments`, embedded by the model or with embeddings of a file."""
    from lens.advice.own_pairs import embed_pairs, import_embeddings
    from lens.cli.shared.your_data import preferences

    pairs = preferences(args, source)
    return import_embeddings(pairs, embeddings) if embeddings else embed_pairs(pairs, encoder(args))


def embed_answers(args, table_path, answer_columns, id_column):
    """Embeds this job's shard of a table: the answers in `answer_columns`, {side: column}, with
    their prompts, each distinct text once."""
    import numpy as np

    from lens.files import artifacts
    from lens.files.embeddings import distinct_texts
    from lens.language import loading

    loading.set_threads(args.threads)
    reader, table = encoder(args), artifacts.read_table(table_path)
    texts, _ = distinct_texts(table, answer_columns)
    sides = list(answer_columns)

    def make(first, stop):
        rows, columns = texts[first:stop].T
        prompts, ids = table["prompt"].to_numpy()[rows], table[id_column].to_numpy()[rows]
        answers = table[list(answer_columns.values())].to_numpy()[rows, columns]
        names = [
            f"{table_path}, {id_column} {key}, {sides[column]}"
            for key, column in zip(ids, columns, strict=True)
        ]
        token_ids, shortened = reader.token_ids(list(prompts), list(answers), names)
        vectors = reader.embed_tokens(token_ids, names)
        tokens = sum(map(len, token_ids))
        artifacts.check_holds(chosen_dtype(args), vectors, names)
        facts = {"texts": len(names), "tokens": tokens, "texts_shortened": shortened}
        used = {"tokens": tokens, "parameters": reader.parameters}
        return {"texts": vectors}, facts, used

    def join_blocks(blocks):
        about = {"rows_sha256": artifacts.sha256(table_path), "texts_of": answer_columns}
        arrays = {"texts": np.concatenate([block["texts"] for block in blocks])} if blocks else {}
        artifacts.write_embeddings(args.out, arrays, chosen_dtype(args), about)

    run_shard(
        args,
        len(texts),
        make,
        join_blocks,
        inputs={"rows": table_path},
    )
