"""Training reward models on pairs of embeddings with the Bradley-Terry loss (Section 3.3)."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from tqdm import tqdm

from lens.errors import LensError
from lens.synthesis import Source
from lens.training_set import TrainingSet

LINEAR_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def bradley_terry_loss(chosen_reward: Tensor, rejected_reward: Tensor) -> Tensor:
    """-log sigmoid(r(chosen) - r(rejected)), mean over pairs (Eq. 1)."""
    return softplus(rejected_reward - chosen_reward).mean()


@dataclass
class Training:
    """A trained model's weights and how the training went."""

    weights: dict[str, np.ndarray]
    metrics: dict


def train_mlp(
    data: TrainingSet,
    source: Source,
    composition: Tensor,
    *,
    seed: int,
    hidden: int,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    patience: int,
) -> Training:
    """The MLP d-hidden-1, trained with Adam on pairs that `source` makes from `composition`.

    `composition` [n, k, 2] is from `synthesis.compose`. An epoch is a shuffled pass over all n k
    pairs, in an order set by the seed alone, so that methods of one scale see the same triplets
    in the same steps. After each epoch the loss on the validation pairs decides: training ends
    after `patience` epochs without a new best, and the best epoch's weights are kept.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(data.chosen.shape[1], hidden), nn.ReLU())
        model.append(nn.Linear(hidden, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    count, scale, _ = composition.shape
    best_loss, best_epoch, best_state, losses = math.inf, 0, {}, []
    for epoch in tqdm(range(1, epochs + 1), desc="reward", unit="epoch", leave=False, disable=None):
        for batch in torch.randperm(count * scale, generator=generator).split(batch_size):
            rows, which = batch % count, batch // count
            variants = composition[rows, which]
            pairs = torch.cat(
                [source("chosen", rows, variants[:, 0]), source("rejected", rows, variants[:, 1])]
            )
            loss = bradley_terry_loss(*model(pairs).squeeze(1).chunk(2))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        losses.append(_validation_loss(model, data))
        if not math.isfinite(losses[-1]):
            raise LensError(
                f"the validation loss became {losses[-1]} in epoch {epoch}. Lower `learning_rate`, "
                "or look at the embeddings' scale."
            )
        if losses[-1] < best_loss:
            best_loss, best_epoch = losses[-1], epoch
            best_state = {name: value.clone() for name, value in model.state_dict().items()}
        elif epoch - best_epoch >= patience:
            break
    return Training(
        _arrays(best_state),
        {
            "validation_loss": best_loss,
            "validation_losses": losses,
            "best_epoch": best_epoch,
            "epochs": len(losses),
            "steps": len(losses) * math.ceil(count * scale / batch_size),
            "pairs_per_epoch": count * scale,
        },
    )


@torch.inference_mode()
def _validation_loss(model: nn.Module, data: TrainingSet) -> float:
    chosen = model(torch.from_numpy(data.validation_chosen)).squeeze(1)
    return bradley_terry_loss(
        chosen, model(torch.from_numpy(data.validation_rejected)).squeeze(1)
    ).item()


def _arrays(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {
        "w1": state["0.weight"].numpy(),
        "b1": state["0.bias"].numpy(),
        "w2": state["2.weight"].numpy()[0],
        "b2": state["2.bias"].numpy()[0],
    }


def all_differences(data: TrainingSet) -> tuple[np.ndarray, np.ndarray]:
    """(chosen - rejected [N, d], groups [N]) of all N pairs: the probes need no early stopping."""
    differences = np.concatenate(
        [data.chosen - data.rejected, data.validation_chosen - data.validation_rejected]
    )
    return differences, np.concatenate([data.groups, data.validation_groups])


def mean_difference(data: TrainingSet) -> Training:
    """The probe r(e) = w . e with w the mean of chosen - rejected."""
    differences, _ = all_differences(data)
    return Training({"w": differences.mean(axis=0)}, {"pairs_per_epoch": len(differences)})


def linear_probe(data: TrainingSet, *, folds: int = 5) -> Training:
    """The probe r(e) = w . e with w from L2-regularised logistic regression on differences.

    The penalty with the lowest cross-validated Bradley-Terry loss (folds by prompt) is refitted
    on all N pairs.
    """
    from sklearn.model_selection import GroupKFold

    differences, groups = all_differences(data)
    folds = min(folds, len(np.unique(groups)))
    losses = []
    for penalty in LINEAR_PENALTIES:
        held_out = []
        for train, test in GroupKFold(folds).split(differences, groups=groups):
            margins = differences[test] @ fit_logistic(differences[train], penalty)
            held_out.append(np.logaddexp(0, -margins))
        losses.append(float(np.concatenate(held_out).mean()))
    best = int(np.argmin(losses))
    weights = fit_logistic(differences, LINEAR_PENALTIES[best])
    return Training(
        {"w": weights},
        {
            "pairs_per_epoch": len(differences),
            "penalty": LINEAR_PENALTIES[best],
            "cross_validated_losses": dict(zip(map(str, LINEAR_PENALTIES), losses, strict=True)),
        },
    )


def fit_logistic(differences: np.ndarray, penalty: float) -> np.ndarray:
    """w [d] that minimises mean log(1 + exp(-w . x)) + penalty |w|^2 / 2 over rows x [n, d].

    Half of the rows are turned round with their label, which changes nothing in the loss but
    gives the solver two classes.
    """
    from sklearn.linear_model import LogisticRegression

    signs = np.where(np.arange(len(differences)) % 2 == 0, 1.0, -1.0)
    solver = LogisticRegression(
        C=1 / (penalty * len(differences)), fit_intercept=False, max_iter=1000, tol=1e-5
    )
    solver.fit(differences * signs[:, None], signs)
    return solver.coef_[0].astype(np.float32)
