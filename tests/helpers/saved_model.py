"""What stands in for a saved reward model."""

from contextlib import nullcontext


def saved_model(rewards):
    """A class with `load` and `score`, whose scores are rewards(prompts, responses); each prompt
    must end with the user's turn."""

    class Saved:
        note = None

        @classmethod
        def load(cls, path, **options):
            return cls()

        def caching(self, *, progress=False):
            return nullcontext()

        def score(self, prompts, responses):
            assert all(prompt[-1]["role"] == "user" for prompt in prompts)
            return rewards(prompts, responses)

    return Saved
