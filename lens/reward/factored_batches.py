"""Rewards of a batch of pairs for the MLPs of all runs, without embeddings that need not exist.

The first layer of the MLP is linear and so is the last of the VAE's decoder: W1 (D h + b) is
(W1 D) h + W1 b. Where synthetic embeddings [n, d] are decoded from h [n, m] with m much smaller
than d, W1 goes through the m + 1 vectors of the decoder and through the originals of the batch, and
no synthetic embedding is made. Gradients follow by the chain rule, so they are exact as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lens.core.stacked import Linear, product
from lens.latent.synthesis import Decoded, Source
from lens.latent.vae import SIDES

WIDE = 4  # times as wide as the decoder's hidden layer, embeddings are not written out


@dataclass
class Written:
    """Pairs written out, [R, 2 b, d], chosen before rejected."""

    embeddings: Tensor

    def rewards(self, module: nn.Sequential) -> Tensor:
        """[R, 2 b] from the MLPs of R runs."""
        return module(self.embeddings).squeeze(2)


@dataclass
class Factored:
    """Pairs in parts: `embeddings` [R, v + o, d] are v vectors and o originals, `weights` [R, s, v]
    make s synthetic ones of the vectors, `order` [R, 2 b] says where among the o + s each one of
    the batch is."""

    embeddings: Tensor
    weights: Tensor
    order: Tensor

    def rewards(self, module: nn.Sequential) -> Tensor:
        """[R, 2 b] from the MLPs of R runs."""
        first = cast(Linear, module[0])
        products = product(self.embeddings, first.weight)
        count = self.weights.shape[2]
        synthetic = torch.bmm(self.weights, products[:, :count])
        hidden = torch.cat([products[:, count:], synthetic], dim=1) + first.bias.unsqueeze(1)
        for layer in list(module)[1:]:
            hidden = layer(hidden)
        return hidden.squeeze(2).gather(1, self.order)


class Batches:
    """Pairs of batches for the sources of all runs."""

    def __init__(self, sources: Sequence[Source]):
        self.sources = sources
        self.decoded = [
            source
            for source in sources
            if isinstance(source, Decoded)
            and source.originals["chosen"].shape[1] >= WIDE * source.vae.shape["hidden"]
        ]
        self.factored = len(self.decoded) == len(sources)
        if self.factored:
            self.factors = [source.factors() for source in self.decoded]
            self.room = torch.empty(0)  # kept: fresh memory is slow to touch
            self.held: tuple[int, ...] = ()

    def __call__(
        self, runs: Sequence[int], rows: Sequence[Tensor], variants: Sequence[Tensor]
    ) -> Written | Factored:
        """The pairs at `rows` [b] with `variants` [b, 2] of each of these runs."""
        if self.factored:
            return self._factored(runs, rows, variants)
        pairs = [
            torch.cat([self.sources[run](side, r, v[:, i]) for i, side in enumerate(SIDES)])
            for run, r, v in zip(runs, rows, variants, strict=True)
        ]
        return Written(torch.stack(pairs))

    def _factored(
        self, runs: Sequence[int], rows: Sequence[Tensor], variants: Sequence[Tensor]
    ) -> Factored:
        new = torch.stack([v.T.flatten() for v in variants]) > 0
        originals = int((~new).sum(dim=1).max())
        vectors = self.factors[runs[0]][0]
        count, dim = vectors.shape
        if self.held != tuple(runs) or self.room.shape[1] < count + originals:
            self.held = tuple(runs)
            self.room = vectors.new_zeros(len(runs), count + new.shape[1], dim)
            for place, run in enumerate(runs):
                self.room[place, :count] = self.factors[run][0]
        embeddings = self.room[:, : count + originals]
        synthetic = vectors.new_zeros(len(runs), int(new.sum(dim=1).max()), count)
        for place, (run, r, v) in enumerate(zip(runs, rows, variants, strict=True)):
            weights = self.factors[run][1]
            old = own = 0
            for i, side in enumerate(SIDES):
                is_new = v[:, i] > 0
                kept, made = r[~is_new], r[is_new]
                torch.index_select(
                    self.decoded[run].originals[side],
                    0,
                    kept,
                    out=embeddings[place, count + old : count + old + len(kept)],
                )
                synthetic[place, own : own + len(made)] = weights[side][made, v[is_new, i] - 1]
                old, own = old + len(kept), own + len(made)
        order = torch.where(new, originals + new.cumsum(dim=1), (~new).cumsum(dim=1)) - 1
        return Factored(embeddings, synthetic, order)
