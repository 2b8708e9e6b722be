"""A reward model of token ids, trained on the spot."""

from contextlib import contextmanager

import numpy as np

from lens.language import finetuning, resuming
from lens.language.finetuning import Settings
from tests.helpers.word_models import WORDS

ONCE = Settings(epochs=1, learning_rate=1e-2, batch_size=4)


def rows(count, seed=0):
    """Token ids of `count` texts of several lengths, and of as many others."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(3, 9, size=2 * count)
    texts = [[1, *generator.integers(6, 6 + len(WORDS), size=n).tolist(), 2] for n in sizes]
    return texts[:count], texts[count:]


class StoppedError(Exception):
    """A training that is over before its end."""


@contextmanager
def stopping(steps):
    """Saves after every step, and ends before the step after `steps`, as a kill would."""
    every, save = resuming.EVERY, resuming.Saving.save

    def save_and_stop(self, state):
        save(self, state)
        if state.global_step == steps:
            raise StoppedError

    resuming.EVERY, resuming.Saving.save = 0.0, save_and_stop
    try:
        yield
    except StoppedError:
        pass
    finally:
        resuming.EVERY, resuming.Saving.save = every, save


def classifier(folder, *, seed=0, dtype="float32"):
    return finetuning.new_classifier(
        str(folder),
        revision=None,
        dtype=dtype,
        device="cpu",
        trust_remote_code=False,
        seed=seed,
    )


def train(
    folder, out, *, lora=None, seed=0, settings=ONCE, data=None, checkpoint=None, dtype="float32"
):
    tokenizer, model = classifier(folder, seed=seed, dtype=dtype)
    before = {name: value.clone() for name, value in model.named_parameters()}
    chosen, rejected = data or rows(8)
    facts = finetuning.train_reward(
        model,
        tokenizer,
        chosen,
        rejected,
        settings,
        lora=lora,
        seed=seed,
        out=out,
        checkpoint=checkpoint,
    )
    return before, facts
