"""Arguments and training sets of the commands that train on N pairs per seed."""

from functools import lru_cache

from lens.cli.shared.arguments import add_settings, options


def add_training_set_arguments(parser):
    from lens.reward.settings import TrainingSettings

    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs per seed")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    add_settings(parser, TrainingSettings)


def read_training_sets(args, active=False):
    """(pair table, its embeddings, {seed: its TrainingSet}) for the arguments above. `active`: of N
    pairs that are chosen and not drawn. Commands of one process (`lens each`) share them and what
    training caches with them."""
    from pathlib import Path

    shards = sorted(Path(args.embeddings).parent.glob("shards/*"))
    files = [Path(args.pairs), Path(args.embeddings), *shards]
    stats = [file.stat() for file in files if file.exists()]
    stamps = tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)
    sampling = options(args, "n_pairs", "validation_fraction")
    return _read(args.pairs, args.embeddings, stamps, tuple(args.seeds), active, **sampling)


@lru_cache(maxsize=1)
def _read(pairs_path, embeddings_path, stamps, seeds, active, n_pairs, **sampling):
    from lens.files.embeddings import read_embedded
    from lens.reward.design import active_rows
    from lens.reward.training_set import training_set

    pairs, embeddings = read_embedded(pairs_path, embeddings_path)
    sets = {}
    for seed in seeds:
        rows = active_rows(pairs, embeddings, n_pairs, seed) if active else None
        sets[seed] = training_set(
            pairs, embeddings, n_pairs=n_pairs, seed=seed, rows=rows, **sampling
        )
    return pairs, embeddings, sets


def embedding_facts(part) -> dict[str, int]:
    """Counts of constant features and identical pairs of a training set."""
    return {
        "features": part.chosen.shape[1],
        "constant_features": part.constant_features,
        "identical_pairs": part.identical_pairs,
    }


def embedding_flags(part) -> list[tuple[str, str]]:
    from lens.core import diagnostics

    count = len(part.rows) + len(part.validation_rows)
    dim = part.chosen.shape[1]
    return diagnostics.embedding_flags(part.constant_features, dim, part.identical_pairs, count)
