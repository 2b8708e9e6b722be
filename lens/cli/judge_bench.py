"""Judge reward models of embeddings and of text on RewardBench 1, pair by pair."""

from lens.cli.shared.embedding import add_embedding_arguments
from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import add_stage_outputs, write_metrics


def add_arguments(parser):
    parser.add_argument("--data", nargs="+", help="files with its rows, instead of the Hub")
    parser.add_argument("--data-revision", default="main", help="Hub revision of the data set")
    add_model_arguments(parser)
    add_embedding_arguments(parser)
    parser.add_argument("--pairs", required=True, help="pair table that they were trained on")
    parser.add_argument("--heads", nargs="+", required=True, help="folders from train-reward")
    parser.add_argument("--texts", nargs="*", default=[], help="folders from train-text")
    parser.add_argument(
        "--text-methods", nargs="*", default=[], help="what they are, in the same order"
    )
    parser.add_argument("--text-scale", type=int, help="of the reward models taken from them")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    add_stage_outputs(parser, "one row per reward model and pair (.parquet)")


def run(args):
    import numpy as np
    import pandas as pd

    from lens.core.diagnostics import named
    from lens.evaluation import rewardbench
    from lens.evaluation.overlap import flags, overlap
    from lens.files import artifacts
    from lens.language import loading

    loading.set_threads(args.threads)
    examples = read(args)
    prompts, responses = rewardbench.texts(examples)
    inputs = {f"data_{number}": path for number, path in enumerate(args.data or [], 1)}
    inputs |= {"pairs": args.pairs} | loading.weight_files(args.model)
    pairs = artifacts.read_table(args.pairs)
    shared = overlap(examples, pairs.loc[pairs["split"] == "train", "prompt"])
    about = pd.DataFrame(
        {
            "place": np.arange(len(examples)),
            "id": [example.id for example in examples],
            "subset": [example.subset for example in examples],
            "section": [rewardbench.section_of(example.subset) for example in examples],
        }
    )
    scored, cost = heads(args, prompts, responses, inputs)
    more, read_by_texts = text_models(args, prompts, responses, inputs)
    tables = []
    for labels, rewards in [*scored, *more]:
        margin = rewardbench.margins(examples, rewards)
        tables.append(about.assign(**labels, margin=margin, correct=margin > 0))
    table = pd.concat(tables, ignore_index=True)
    table["vae_variance_explained"] = table["vae_variance_explained"].astype("float64")
    artifacts.write_table(args.out, table)
    facts = {
        "pairs": len(examples),
        "subsets": about.groupby("subset", sort=False).size().to_dict(),
        "overlap": shared,
        "flags": named(flags(shared)),
    }
    write_metrics(args, inputs, facts, cost | {"tokens": cost["tokens"] + read_by_texts})


def read(args):
    """The pairs; LensError for rows of another benchmark."""
    from lens.core.errors import LensError
    from lens.data.sources import read_hub_rows, read_rows
    from lens.evaluation import bench_rows, rewardbench

    if args.data:
        rows = [row for path in args.data for row in read_rows(path)]
    else:
        hub, split = rewardbench.HUB[1]
        rows = read_hub_rows(hub, args.data_revision, split)
    version = bench_rows.recognise_version(rows)
    if version != 1:
        name = bench_rows.NAMES[version]
        raise LensError(f"{rows[0][0]}: a row of {name}. This stage judges RewardBench 1's.")
    return bench_rows.read_examples(rows, 1)


def heads(args, prompts, responses, inputs):
    """[(labels, rewards)] of the heads, by the texts' embeddings, and what reading them cost."""
    from pathlib import Path

    from lens.cli.shared.embedding import encoder
    from lens.files import artifacts
    from lens.reward.head import RewardHead

    reader = encoder(args)
    names = [f"text {number} of the bench" for number in range(1, len(prompts) + 1)]
    ids, _ = reader.token_ids(prompts, responses, names)
    embeddings = reader.embed_tokens(ids, names)
    labelled_rewards = []
    for folder in args.heads:
        trained = artifacts.read_json(Path(folder) / "metrics.json")
        made, by_seed = trained["settings"], trained["metrics"]["by_seed"]
        for seed in args.seeds:
            path = Path(folder) / f"seed_{seed}.safetensors"
            labels = {"method": made["method"], "scale": int(made["scale"]), "seed": seed}
            inputs["{method}_x{scale}_seed_{seed}".format(**labels)] = path
            labels["vae_variance_explained"] = by_seed[str(seed)].get("vae_variance_explained")
            labelled_rewards.append((labels, RewardHead.load(path)(embeddings)))
    parameters = reader.load()[1].num_parameters()
    return labelled_rewards, {"tokens": sum(map(len, ids)), "parameters": parameters}


def text_models(args, prompts, responses, inputs):
    """[(labels, rewards)] of the text reward models, and how many tokens they read."""
    from pathlib import Path

    import pandas as pd

    from lens.cli.shared.text import score_texts
    from lens.language import loading

    table = pd.DataFrame({"prompt": prompts, "response": responses})
    labelled_rewards, tokens, read = [], None, 0
    for method, folder in zip(args.text_methods, args.texts, strict=True):
        for seed in args.seeds:
            model_folder = Path(folder) / f"x{args.text_scale}" / f"seed_{seed}"
            rewards, tokens, cost = score_texts(args, str(model_folder), table, "the bench", tokens)
            labels = {"method": method, "scale": args.text_scale, "seed": seed}
            name = "{method}_x{scale}_seed_{seed}".format(**labels)
            inputs |= {
                f"{name}/{k}": path for k, path in loading.weight_files(model_folder).items()
            }
            labelled_rewards.append((labels, rewards))
            read += cost["tokens"]
    return labelled_rewards, read
