"""A reward model that scores what it is given to read."""

import numpy as np

from lens.language.templates import render
from lens.serving.reward_model import RewardModel


class Tokens:
    """Stands for an encoder: keeps the tokens (here characters) of each text that it is given."""

    chat_template, name_or_path, cut = "a template", "characters", 0

    def __init__(self):
        self.seen = []

    def apply_chat_template(self, messages, *, add_generation_prompt, **_):
        asked = "<assistant>" if add_generation_prompt else ""
        return (
            "".join(f"<{m['role']}>{m['content']}{m.get('tool_calls', '')}" for m in messages)
            + asked
        )

    def token_ids(self, prompt, response):
        return [*map(ord, render(prompt, response, "chat", self))]

    def embed(self, prompts, responses):
        found = [*map(self.token_ids, prompts, responses)]
        self.seen += found
        return np.array([[len(ids)] for ids in found], np.float32)


def scorer():
    model = RewardModel(lambda embeddings: embeddings[:, 0], Tokens(), {})
    model._checked = True
    return model
