"""Pick the response with the highest reward for every held-out prompt."""

from lens.cli.shared.outputs import add_stage_outputs, write_metrics
from lens.cli.shared.text import add_text_reward_arguments, score_texts


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument(
        "--models", nargs="+", required=True, help="one a seed: seed_S.safetensors or model folders"
    )
    parser.add_argument("--embeddings", help="of the responses, for models of embeddings")
    add_text_reward_arguments(parser)
    add_stage_outputs(parser, "a row for each seed and prompt (.parquet)")


def run(args):
    import pandas as pd

    from lens.files import artifacts
    from lens.language import loading
    from lens.textspace.rejection_sampling import pick

    loading.set_threads(args.threads)
    responses = artifacts.read_table(args.responses)
    picks, tokens, read, files = [], None, 0, {"responses": args.responses}
    embeddings = _embeddings(args) if args.embeddings else None
    for seed, path in zip(args.seeds, args.models, strict=True):
        if args.embeddings:
            rewards, cost = _by_embedding(embeddings, path)
            files |= {"embeddings": args.embeddings, f"model_seed_{seed}": path}
        else:
            rewards, tokens, cost = score_texts(args, path, responses, args.responses, tokens)
            files |= {f"model_seed_{seed}/{n}": f for n, f in loading.weight_files(path).items()}
        picks.append(pick(responses, rewards).assign(seed=seed))
        read += cost["tokens"]
    table = pd.concat(picks, ignore_index=True)
    artifacts.write_table(args.out, table)
    facts = {"picks": len(table), "empty": int((table["response"] == "").sum())}
    write_metrics(args, files, facts, cost | {"tokens": read})


def _embeddings(args):
    from lens.files.embeddings import read_embedded

    _, embeddings = read_embedded(args.responses, args.embeddings)
    return embeddings["responses"][:]


def _by_embedding(embeddings, path):
    from lens.reward.head import RewardHead

    head = RewardHead.load(path)
    size = sum(value.size for value in head.weights.values())
    return head(embeddings), {"tokens": 0, "parameters": size}
