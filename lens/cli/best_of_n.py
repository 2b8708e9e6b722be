"""Judge reward models: gold reward of the best of n candidates, accuracy on held-out pairs."""

from lens.cli.shared.outputs import input_files, write_metrics


def add_arguments(parser):
    parser.add_argument("--models", nargs="+", required=True, help="seed_S.safetensors files")
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="in the same order")
    parser.add_argument("--training", help="metrics.json of train-reward: what its VAE explains")
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--pair-embeddings", required=True)
    parser.add_argument("--candidates", required=True, help="candidate table")
    parser.add_argument("--candidate-embeddings", required=True)
    parser.add_argument("--gold", required=True, help="gold scores of the candidates")
    for label in ("dataset", "model", "method", "scale", "n-pairs"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    parser.add_argument("--out-prompts", required=True, help="one row per seed, prompt and n")
    parser.add_argument("--out-pairs", required=True, help="one row per seed and test pair")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens.evaluation import judge
    from lens.files import artifacts
    from lens.files.embeddings import check_same_model, read_embedded
    from lens.reward.head import RewardHead
    from lens.reward.method import mean_explained

    check_same_model(args.pair_embeddings, args.candidate_embeddings)
    pairs, pair_embeddings = read_embedded(args.pairs, args.pair_embeddings)
    candidates, candidate_embeddings = read_embedded(args.candidates, args.candidate_embeddings)
    candidates = judge.with_gold(candidates, artifacts.read_table(args.gold), args.gold)
    models = {
        seed: RewardHead.load(path) for seed, path in zip(args.seeds, args.models, strict=True)
    }
    held_out = judge.held_out_pairs(pairs)
    sides = [pair_embeddings[side][held_out.index] for side in ("chosen", "rejected")]
    answers = candidate_embeddings["candidates"][:]
    rewards = {seed: model(answers) for seed, model in models.items()}
    prompts = judge.judge_candidates(rewards, candidates)
    tests = judge.judge_pairs(
        {seed: tuple(map(model, sides)) for seed, model in models.items()}, held_out
    )
    artifacts.write_table(args.out_prompts, prompts)
    artifacts.write_table(args.out_pairs, tests)
    names = ("pairs", "pair_embeddings", "candidates", "candidate_embeddings", "gold", "training")
    inputs = input_files(args, *names)
    inputs |= {f"model_seed_{s}": path for s, path in zip(args.seeds, args.models, strict=True)}
    size = sum(value.size for value in models[args.seeds[0]].weights.values())
    facts = judge.summary(prompts, tests, candidates, rewards)
    if args.training:
        by_seed = artifacts.read_json(args.training)["metrics"]["by_seed"]
        facts["vae_variance_explained"] = mean_explained(by_seed.values())
    write_metrics(args, inputs, facts, {"parameters": size})
