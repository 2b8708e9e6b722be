"""The peers of `make bench`: the same work as people write it without LENS."""

import numpy as np
import torch


@torch.inference_mode()
def naive_states(model, token_ids: list[list[int]], batch: int) -> np.ndarray:
    """Last-token states [n, d] of texts as they come, each batch padded to its longest."""
    found = []
    for start in range(0, len(token_ids), batch):
        ids, mask = padded(token_ids[start : start + batch], model.device)
        hidden = model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        last = mask.sum(dim=1) - 1
        found.append(hidden[torch.arange(len(ids), device=ids.device), last].cpu())
    return torch.cat(found).numpy()


def sorted_states(model, token_ids: list[list[int]], batch: int) -> np.ndarray:
    """The same with texts sorted by length first, as sentence-transformers does."""
    order = sorted(range(len(token_ids)), key=lambda row: -len(token_ids[row]))
    states = naive_states(model, [token_ids[row] for row in order], batch)
    found = np.empty_like(states)
    found[order] = states
    return found


@torch.inference_mode()
def naive_scores(model, token_ids: list[list[int]], batch: int) -> np.ndarray:
    """Logits [n] of a one-label classifier for texts as they come."""
    found = []
    for start in range(0, len(token_ids), batch):
        ids, mask = padded(token_ids[start : start + batch], model.device)
        found.append(model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0].cpu())
    return torch.cat(found).numpy()


def sorted_scores(model, token_ids: list[list[int]], batch: int) -> np.ndarray:
    """The same with texts sorted by length first."""
    order = sorted(range(len(token_ids)), key=lambda row: -len(token_ids[row]))
    scores = naive_scores(model, [token_ids[row] for row in order], batch)
    found = np.empty_like(scores)
    found[order] = scores
    return found


def padded(rows: list[list[int]], device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask [n, longest], padded on the right with token 0, which no text has."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids.to(device), mask.to(device)
