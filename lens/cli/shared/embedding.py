"""How texts are embedded: the encoder that arguments name, and a job's shard of a table."""

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.model import add_model_arguments, model_options
from lens.cli.shared.shards import add_shard_arguments, run_shard


def add_answer_arguments(parser):
    """The model, how it embeds, and the shard."""
    add_model_arguments(parser)
    add_embedding_arguments(parser)
    add_shard_arguments(parser, out="embeddings (.safetensors)", unit="rows", flush=8192)


def add_embedding_arguments(parser):
    from lens.language.settings import EmbeddingSettings

    add_settings(parser, EmbeddingSettings)


def encoder(args):
    """The `Encoder` of `add_encoder_arguments`."""
    from lens.language.encoder import Encoder

    return Encoder(
        **model_options(args, path="model"),
        **options(args, "text_style", "pooling", "layer", "max_length", "too_long", "batch_tokens"),
    )


def embed_answers(args, table_path, answer_columns, id_column):
    """Embeds the answers of each column of a table beside its prompts, {name of the array: column}:
    this job's shard of them."""
    import numpy as np

    from lens.files import artifacts
    from lens.language import loading

    loading.set_threads(args.threads)
    reader, table = encoder(args), artifacts.read_table(table_path)

    def make(first, stop):
        part, prompts, answers, names = table.iloc[first:stop], [], [], []
        for name, column in answer_columns.items():
            prompts += list(part["prompt"])
            answers += list(part[column])
            names += [f"{table_path}, {id_column} {key}, {name}" for key in part[id_column]]
        token_ids, shortened = reader.token_ids(prompts, answers, names)
        found = reader.embed_tokens(token_ids, names)
        tokens = sum(map(len, token_ids))
        artifacts.check_holds(args.dtype, found, names)
        facts = {"texts": len(names), "tokens": tokens, "texts_shortened": shortened}
        used = {"tokens": tokens, "parameters": reader.load()[1].num_parameters()}
        parts = found.reshape(len(answer_columns), len(part), -1)
        return dict(zip(answer_columns, parts, strict=True)), facts, used

    def whole(blocks):
        about = {"rows_sha256": artifacts.sha256(table_path)}
        arrays = {
            name: np.concatenate([block[name] for block in blocks])
            for name in (answer_columns if blocks else ())
        }
        artifacts.write_embeddings(args.out, arrays, args.dtype, about)

    run_shard(
        args,
        len(table),
        make,
        whole,
        inputs={"rows": table_path},
    )
