"""A reward model of token ids, trained on the spot."""

import numpy as np

from lens.language import finetuning
from lens.language.finetuning import Settings
from tests.helpers.word_models import WORDS

ONCE = Settings(epochs=1, learning_rate=1e-2, batch_size=4)


def rows(count, seed=0):
    """Token ids of `count` texts of several lengths, and of as many others."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(3, 9, size=2 * count)
    texts = [[1, *generator.integers(6, 6 + len(WORDS), size=n).tolist(), 2] for n in sizes]
    return texts[:count], texts[count:]


def train(folder, out, *, lora=None, seed=0, settings=ONCE, data=None):
    tokenizer, model = finetuning.new_classifier(
        str(folder),
        revision=None,
        dtype="float32",
        device="cpu",
        trust_remote_code=False,
        seed=seed,
    )
    before = {name: value.clone() for name, value in model.named_parameters()}
    chosen, rejected = data or rows(8)
    facts = finetuning.train_reward(
        model, tokenizer, chosen, rejected, settings, lora=lora, seed=seed, out=out
    )
    return before, facts
