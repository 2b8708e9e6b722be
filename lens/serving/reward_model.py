"""A reward model for texts: an encoder and a reward head in one folder, loaded with one call."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from lens.core.diagnostics import check_finite
from lens.core.errors import LensError
from lens.core.settings import BATCH_TOKENS, KEY_VARIABLE
from lens.files import artifacts
from lens.files.embedding_cache import Cache
from lens.language.encoder import Encoder
from lens.reward.head import RewardHead
from lens.reward.recipes import Recipe
from lens.reward.training_set import Standardiser
from lens.serving import posterior
from lens.serving.known import embed_new, identity
from lens.serving.texts import as_stored
from lens.serving.unlike import Unlike

FORMAT = "lens-reward"
PROBE = "How do I keep bread fresh?", "Keep it in a paper bag, cut side down, not in the fridge."
MOST_DRIFT = 0.1  # standard deviations of the training embeddings, root mean square


class RewardModel:
    """r(prompt, response), in units in which sigmoid(r(a) - r(b)) is the calibrated probability
    that a is preferred; the zero of rewards has no meaning.

    TRL's GRPOTrainer and RLOOTrainer accept it as one of `reward_funcs`: calling it returns a list
    of floats. It can be pickled; a copy in another process loads its encoder again.
    """

    __name__ = "lens_reward"  # under which trainers log it

    _cache: Cache | None = None
    _progress = False
    pessimism = 0.0  # standard errors by which rewards are lowered when a trainer asks for them

    def __init__(
        self,
        head: RewardHead,
        encoder: Encoder | None,
        card: dict,
        *,
        errors: posterior.Errors | None = None,
        unlike: Unlike | None = None,
    ):
        self.head, self.encoder, self.card = head, encoder, card
        self._errors, self._unlike = errors, unlike
        self._checked = False

    def __repr__(self) -> str:
        name = Path(self.encoder.model).name if self.encoder else "imported embeddings"
        recipe = Recipe(**self.card["recipe"])
        return f"RewardModel({recipe}, {self.card['data']['pairs']:,} pairs, {name})"

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_checked": False}

    def embed(self, prompts: Sequence, responses: Sequence) -> np.ndarray:
        """Embeddings [n, d] of prompts (texts or message lists) with responses (texts or lists of
        one message). LensError if the encoder has changed since training."""
        if self.encoder is None:
            raise LensError(
                "this reward model was trained on imported embeddings and knows no encoder for "
                "texts. Score embeddings, or train it again with --model."
            )
        if isinstance(prompts, str) or isinstance(responses, str):
            raise LensError("prompts and responses are lists: put a single text in brackets.")
        if len(prompts) != len(responses):
            raise LensError(f"{len(prompts)} prompts, but {len(responses)} responses.")
        if not self._checked:
            self._check_encoder(self.encoder)
        if not len(prompts):
            return np.empty((0, len(self.head.standardiser.mean)), np.float32)
        stored = as_stored(prompts, responses)
        if self._cache is None:
            return self.encoder.embed(*stored)
        names = [f"text {number}" for number in range(1, len(prompts) + 1)]
        token_ids, _ = self.encoder.token_ids(*stored, names)
        return embed_new(self.encoder, token_ids, names, self._cache, progress=self._progress)

    @contextmanager
    def caching(self, *, progress: bool = False) -> Iterator[None]:
        """Within it, a text that was embedded before is not read again: what calls have embedded is
        kept for later ones, and in the embedding cache (`LENS_CACHE`) for later runs. `progress`:
        whether each call reports how far it is."""
        if self.encoder is None:
            yield
            return
        self._progress = progress
        try:
            with Cache(identity(self.encoder)) as self._cache:
                yield
        finally:
            self._cache, self._progress = None, False

    def score(self, prompts: Sequence, responses: Sequence, *, uncertainty: bool = False) -> Any:
        """Rewards float32 [n]. A reward depends only on its own text, up to about 1e-5, or in
        precision fast up to its rounding. LensError if one is not finite. With `uncertainty`,
        (rewards, standard errors [n]); see `score_embeddings`."""
        return self.score_embeddings(self.embed(prompts, responses), uncertainty=uncertainty)

    def score_embeddings(self, embeddings: np.ndarray, *, uncertainty: bool = False) -> Any:
        """Rewards [...] for embeddings [..., d] by the model's encoder; LensError if one is not
        finite. With `uncertainty`, (rewards, standard errors [...]): the posterior standard
        deviation of the reward minus that of the mean training text, given the labels; for
        networks, the jackknife's over folds."""
        embeddings = np.asarray(embeddings, np.float32)
        rewards = self._finite(self.head(embeddings))
        return (rewards, self.errors.errors(embeddings)) if uncertainty else rewards

    @property
    def errors(self) -> posterior.Errors:
        """The data for standard errors of rewards and margins; LensError for a model that an
        earlier version saved."""
        if self._errors is None:
            raise LensError(
                "this reward model was saved without standard errors. Fit it again with `lens fit`."
            )
        return self._errors

    def farther_out(self, embeddings: np.ndarray) -> np.ndarray:
        """The share [...] of training texts that are further from the others than embeddings [...,
        d]: small for texts that are unlike all training texts. LensError for a model that an
        earlier version saved."""
        if self._unlike is None:
            raise LensError(
                "this reward model was saved without its training texts' distances. Fit it again "
                "with `lens fit`."
            )
        return self._unlike.farther_out(np.asarray(embeddings, np.float32))

    def pessimistic(self, pessimism: float) -> "RewardModel":
        """A copy that, called by a trainer, gives reward - `pessimism` * standard error.
        LensError for a model that an earlier version saved."""
        if pessimism:
            _ = self.errors
        copied = copy(self)
        copied.pessimism = pessimism
        return copied

    def _finite(self, rewards: np.ndarray) -> np.ndarray:
        check_finite(
            rewards.ravel(),
            lambda i: f"text {i + 1}",
            "the reward",
            "Look at that text's embedding, or train the reward model again.",
        )
        return rewards

    def probability(self, prompts: Sequence, first: Sequence, second: Sequence) -> np.ndarray:
        """Calibrated probability [n] that `first` is preferred to `second`."""
        if any(isinstance(given, str) for given in (prompts, first, second)):
            raise LensError("prompts and responses are lists: put a single text in brackets.")
        if len(first) != len(second):
            raise LensError(f"{len(first)} first responses, but {len(second)} second ones.")
        both = self.score([*prompts, *prompts], [*first, *second]).astype(np.float64)
        return sigmoid(both[: len(prompts)] - both[len(prompts) :])

    def best_of(self, prompts: Sequence, candidates: Sequence[Sequence]) -> list[int]:
        """The index of each prompt's candidate with the highest reward, the first of equals.
        LensError for a prompt without candidates."""
        if len(prompts) != len(candidates):
            raise LensError(f"{len(prompts)} prompts, but {len(candidates)} lists of candidates.")
        if isinstance(prompts, str):
            raise LensError("prompts are a list: put a single text in brackets.")
        for number, answers in enumerate(candidates, 1):
            if isinstance(answers, str | dict):
                raise LensError(
                    f"the candidates of prompt {number} are one text: a list of answers is needed."
                )
            if not len(answers):
                raise LensError(f"prompt {number} has no candidates.")
        repeated = [p for p, answers in zip(prompts, candidates, strict=True) for _ in answers]
        rewards = self.score(repeated, [text for answers in candidates for text in answers])
        ends = np.cumsum([len(answers) for answers in candidates])[:-1]
        return [int(part.argmax()) for part in np.split(rewards, ends)] if candidates else []

    def __call__(self, prompts: Sequence, completions: Sequence, **_: object) -> list[float]:
        """Rewards as TRL's trainers ask for them, with keyword arguments."""
        if not self.pessimism:
            return self.score(prompts, completions).tolist()
        rewards, errors = self.score(prompts, completions, uncertainty=True)
        return (rewards - self.pessimism * errors).tolist()

    def save(self, folder: str | Path) -> None:
        """Saves reward.safetensors, config.json and README.md (the model card) in a folder."""
        from lens.serving.model_card import model_card

        folder = Path(folder)
        about = {"encoder": json.dumps(self.encoder and self.encoder.as_dict(), sort_keys=True)}
        probe = self._saved_probe
        if self.encoder and probe is None:
            probe = self._probe(self.encoder)
        extra = {} if probe is None else {"probe": probe}
        for part in (self._errors, self._unlike):
            extra |= {} if part is None else part.arrays()
        (folder / "config.json").unlink(missing_ok=True)  # of an older model in this folder
        self.head.save(folder / "reward.safetensors", about, extra)
        artifacts.write_text(folder / "README.md", model_card(self))
        encoder = self.encoder.as_dict() if self.encoder else None
        config = {"model_type": FORMAT, "encoder": encoder, **self.card}
        artifacts.write_json(folder / "config.json", config)  # last: the folder is whole

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str = "auto",
        batch_tokens: int = BATCH_TOKENS,
        model: str | None = None,
        trust_remote_code: bool = False,
        base_url: str | None = None,
        key_variable: str = KEY_VARIABLE,
    ) -> "RewardModel":
        """Loads what `save` wrote. `model` is the encoder's new path, if it was moved. An encoder
        that runs its own code needs `trust_remote_code`; one at an endpoint of another machine
        needs its `base_url`, and a key in the environment variable `key_variable`. LensError for
        any other folder, or a damaged one."""
        folder = Path(folder)
        if not folder.is_dir():
            raise LensError(f"{folder}: no such folder. Give one that `lens fit` saved.")
        if not (folder / "config.json").is_file():
            raise LensError(f"{folder}: holds no reward model of `lens fit` (no config.json).")
        try:
            card = artifacts.read_json(folder / "config.json")
            if card.pop("model_type", None) != FORMAT:
                raise LensError(f"{folder}: not a reward model of `lens fit`.")
            settings = card.pop("encoder")
            encoder = settings and Encoder.from_saved(
                settings | ({"model": model} if model else {}),
                device=device,
                batch_tokens=batch_tokens,
                trust_remote_code=trust_remote_code,
                base_url=base_url,
                key_variable=key_variable,
            )
            head = RewardHead.load(folder / "reward.safetensors")
            arrays = artifacts.read_arrays(folder / "reward.safetensors")
            probe = arrays.get("probe")
            errors, unlike = posterior.from_arrays(arrays), Unlike.from_arrays(arrays)
            loaded = cls(head, encoder, card, errors=errors, unlike=unlike)
            repr(loaded)  # a card without what every card has is found here
        except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise LensError(f"{folder}: damaged, or of another version ({error!r}).") from error
        loaded._saved_probe = probe
        return loaded

    @property
    def note(self) -> str | None:
        """A sentence on texts that were cut while this model scored them, if any were."""
        if not (self.encoder and self.encoder.cut):
            return None
        side = "right" if self.encoder.too_long == "cut_right" else "left"
        count = self.encoder.cut
        are, were = ("text is", "was") if count == 1 else ("texts are", "were")
        return (
            f"{count:,} {are} longer than the encoder reads and {were} cut on the {side}: rewards "
            "do not see what was cut."
        )

    _saved_probe: np.ndarray | None = None

    def _probe(self, encoder: Encoder) -> np.ndarray:
        """The encoder's embedding [d] of a fixed text, cut if it must be."""
        return encoder.cutting().embed(*as_stored(PROBE[:1], PROBE[1:]))[0]

    def _check_encoder(self, encoder: Encoder) -> None:
        """LensError unless the encoder still embeds the probe text as it did when saved."""
        if self._saved_probe is not None:
            now = self._probe(encoder)
            if now.shape != self._saved_probe.shape:
                drift = float("inf")
            else:
                gap = (now - self._saved_probe) / self.head.standardiser.scale
                drift = float(np.sqrt(np.square(gap).mean()))
            if not drift <= MOST_DRIFT:
                raise LensError(
                    f"{encoder.model}: not the encoder that this reward model was trained "
                    f"with: its embedding of a test text is off by {drift:.2g} standard "
                    "deviations. Give the right folder or revision with --model."
                )
        self._checked = True


def calibrated(head: RewardHead, temperature: float) -> RewardHead:
    """The head with rewards divided by the temperature; a linear one without its shift, which no
    difference depends on, so that it is w . e and nothing else."""
    weights = {
        name: value / np.float32(temperature) if name in ("w", "w2", "b2") else value
        for name, value in head.weights.items()
    }
    standardiser = head.standardiser
    if "w1" not in weights:
        standardiser = Standardiser(np.zeros_like(standardiser.mean), standardiser.scale)
    return RewardHead(weights, standardiser)


def sigmoid(margins: np.ndarray) -> np.ndarray:
    """The probability that goes with a difference of rewards."""
    from scipy.special import expit

    return expit(margins)
