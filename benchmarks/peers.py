"""The peers of `make bench`: the same work as people write it without LENS."""

import numpy as np
import torch


def last_states(model, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Last-token states [n, d] of a padded batch."""
    hidden = model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    return hidden[torch.arange(len(ids), device=ids.device), mask.sum(dim=1) - 1]


def logits(model, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Logits [n] of a one-label classifier."""
    return model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0]


@torch.inference_mode()
def naive(read, model, token_ids: list[list[int]], batch: int) -> np.ndarray:
    """What `read`, one of the above, makes of texts as they come, padded to a batch's longest."""
    found = []
    for start in range(0, len(token_ids), batch):
        ids, mask = padded(token_ids[start : start + batch], model.device)
        found.append(read(model, ids, mask).cpu())
    return torch.cat(found).numpy()


def by_length(read, model, token_ids: list[list[int]], batch: int) -> np.ndarray:
    """The same with texts sorted by length first, as sentence-transformers does."""
    order = sorted(range(len(token_ids)), key=lambda row: -len(token_ids[row]))
    results = naive(read, model, [token_ids[row] for row in order], batch)
    found = np.empty_like(results)
    found[order] = results
    return found


def padded(rows: list[list[int]], device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask [n, longest], padded on the right with token 0, which no text has."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids.to(device), mask.to(device)
