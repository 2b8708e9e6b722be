"""Write the offline world: preference pairs, texts to train tiny models on, and their true
rewards."""

from lens.cli.shared.arguments import add_settings, settings


def add_arguments(parser):
    from lens.world.settings import TextsSettings

    add_settings(parser, TextsSettings)
    parser.add_argument("--out", required=True, help="folder for the files")


def run(args):
    from pathlib import Path

    from lens.files import artifacts
    from lens.world import texts

    out = Path(args.out)
    truth = {
        "settings": {name: value for name, value in settings(args).items() if name != "out"},
        "texts": {"corpus": args.corpus, "gold_corpus": args.gold_corpus},
        "vocabulary_size": len(texts.vocabulary()),
        "weights": texts.WEIGHTS,
        "reply_rate": texts.REPLY_RATE,
    }
    for kind in texts.KINDS:
        rows, truth[kind] = texts.draw_pairs(kind, args.pairs, args.temperature, args.seed)
        artifacts.write_jsonl(out / f"{kind}.jsonl", rows)
    artifacts.write_jsonl(out / "corpus.jsonl", texts.draw_threads(args.corpus, args.seed))
    artifacts.write_jsonl(out / "gold_corpus.jsonl", texts.draw_texts(args.gold_corpus, args.seed))
    artifacts.write_json(out / "truth.json", truth)
