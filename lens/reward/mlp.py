"""Training reward models on pairs of embeddings with the Bradley-Terry loss (Section 3.3)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from lens.core.errors import LensError
from lens.core.progress import Bar
from lens.core.stacked import Linear, Stack, batches, seeded
from lens.latent.synthesis import Source
from lens.reward.factored_batches import Batches
from lens.reward.training_set import Training, TrainingSet


def bradley_terry_loss(
    chosen_reward: Tensor, rejected_reward: Tensor, labels: Tensor | None = None
) -> Tensor:
    """-log sigmoid(d) of each pair with d = r(chosen) - r(rejected) (Eq. 1 before its mean).

    With labels y, the probabilities that the chosen answer is better, it is the cross-entropy
    -y log sigmoid(d) - (1 - y) log sigmoid(-d).
    """
    loss = softplus(rejected_reward - chosen_reward)
    if labels is None:
        return loss
    return loss + (1 - labels) * (chosen_reward - rejected_reward)


@dataclass
class Run:
    """One training of the MLP: pairs that `source` makes from `composition` [n, k, 2].

    `composition` is from `synthesis.compose`; weights and order follow `seed`.
    """

    data: TrainingSet
    source: Source
    composition: Tensor
    seed: int


def train_mlps(
    runs: Sequence[Run],
    *,
    hidden: int,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    patience: int,
    centred: bool = False,
) -> list[Training]:
    """The MLP d-hidden-1 for each run, trained with Adam, all runs side by side.

    An epoch is a shuffled pass over all n k pairs. The seed alone sets the order, so methods of one
    scale see the same triplets in the same steps. After each epoch the loss on the
    validation pairs decides: a run ends after `patience` epochs without a new best, and the best
    epoch's weights are kept. A `centred` head is the network less what it was at the start, so that
    it starts at 0 everywhere; its weights are those of an MLP twice as wide. Either all runs have
    labels or none; a synthetic pair has the label of the pair that it is made of.
    """
    dim = runs[0].data.chosen.shape[1]
    make = partial(_mlp, dim, hidden)
    models = [seeded(make, run.seed) for run in runs]
    stack = Stack(models, learning_rate)
    start = Stack(models, learning_rate) if centred else None
    generators = [torch.Generator().manual_seed(run.seed) for run in runs]
    counts = [run.composition.shape[:2].numel() for run in runs]
    watches = [
        _Watch(run.data, patience, start.state(i) if start else None, models[i])
        for i, run in enumerate(runs)
    ]
    make_pairs = Batches([run.source for run in runs], [run.composition for run in runs], dim)
    live = list(range(len(runs)))
    for epoch in Bar(range(1, epochs + 1), desc="reward", unit="epoch", leave=False):
        sizes, sources = [counts[i] for i in live], [generators[i] for i in live]
        for batch in batches(sizes, batch_size, sources):
            rows, variants = zip(
                *(_members(runs[i], b) for i, b in zip(live, batch.rows, strict=True)), strict=True
            )
            pairs = make_pairs(live, rows, variants)
            rewards = pairs.rewards(stack.module)
            if start:
                rewards = rewards - make_pairs.before(start.module, pairs)
            chosen, rejected = rewards.chunk(2, dim=1)
            losses = bradley_terry_loss(chosen, rejected, _labels(runs, live, rows))
            stack.step(batch.total(losses), batch.active)
        for i in live:
            watches[i].look(epoch, stack.state(i), models[i])
        going = [i for i in live if not watches[i].over]
        if not going:
            break
        if going != live:
            live = going
            stack.keep(live)
            if start:
                start.keep(live)
    return [watch.training(count, batch_size) for watch, count in zip(watches, counts, strict=True)]


def _mlp(dim: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(Linear(dim, hidden), nn.ReLU(), Linear(hidden, 1))


def _members(run: Run, batch: Tensor) -> tuple[Tensor, Tensor]:
    """(rows [b], variants [b, 2]) of a batch of positions among all n k pairs."""
    count = len(run.composition)
    rows = batch % count
    return rows, run.composition[rows, batch // count]


def _labels(runs: Sequence[Run], live: Sequence[int], rows: Sequence[Tensor]) -> Tensor | None:
    """The labels [R, b] of a batch of the runs that continue; None if they have none."""
    if runs[0].data.labels is None:
        return None
    labels = [torch.from_numpy(runs[run].data.labels)[r] for run, r in zip(live, rows, strict=True)]
    return torch.stack(labels)


class _Watch:
    """Early stopping of one run: its validation losses and its best weights so far."""

    def __init__(self, data: TrainingSet, patience: int, start: dict | None, model: nn.Module):
        self.pairs = torch.from_numpy(np.stack([data.validation_chosen, data.validation_rejected]))
        soft = data.validation_labels
        self.labels = None if soft is None else torch.from_numpy(soft)
        self.patience, self.over = patience, False
        self.best_loss, self.best_epoch = math.inf, 0
        self.best_state: dict[str, Tensor] = {}
        self.losses: list[float] = []
        self.start, self.offset = start, torch.zeros(())
        if start:
            self.offset = self._rewards(start, model)

    @torch.inference_mode()
    def _rewards(self, state: dict[str, Tensor], model: nn.Module) -> Tensor:
        """[2, n] of the chosen and the rejected."""
        model.load_state_dict(state)
        return model(self.pairs).squeeze(2)

    def look(self, epoch: int, state: dict[str, Tensor], model: nn.Module) -> None:
        """Takes note of the weights after an epoch, with `model` to put them into."""
        chosen, rejected = self._rewards(state, model) - self.offset
        loss = bradley_terry_loss(chosen, rejected, self.labels).mean().item()
        if not math.isfinite(loss):
            raise LensError(
                f"the validation loss became {loss} in epoch {epoch}. Lower `learning_rate`, "
                "or look at the embeddings' scale."
            )
        self.losses.append(loss)
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.best_state = loss, epoch, state
        self.over = epoch - self.best_epoch >= self.patience

    def training(self, pairs_per_epoch: int, batch_size: int) -> Training:
        return Training(
            _arrays(self.best_state, self.start),
            {
                "validation_loss": self.best_loss,
                "validation_losses": self.losses,
                "best_epoch": self.best_epoch,
                "epochs": len(self.losses),
                "steps": len(self.losses) * math.ceil(pairs_per_epoch / batch_size),
                "pairs_per_epoch": pairs_per_epoch,
            },
        )


def _arrays(state: dict[str, Tensor], start: dict[str, Tensor] | None) -> dict[str, np.ndarray]:
    """Weights as `RewardHead` has them; with those of the start, r(e) - r_0(e) as one MLP."""
    names = {"w1": "0.weight", "b1": "0.bias", "w2": "2.weight", "b2": "2.bias"}
    arrays = {name: state[key].numpy() for name, key in names.items()}
    if start:
        before = {name: start[key].numpy() for name, key in names.items()}
        arrays = {
            "w1": np.concatenate([arrays["w1"], before["w1"]]),
            "b1": np.concatenate([arrays["b1"], before["b1"]]),
            "w2": np.concatenate([arrays["w2"], -before["w2"]], axis=1),
            "b2": arrays["b2"] - before["b2"],
        }
    return arrays | {"w2": arrays["w2"][0], "b2": arrays["b2"][0]}
