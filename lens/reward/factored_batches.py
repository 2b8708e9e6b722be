"""Rewards of a batch of pairs for the MLPs of all runs, without materialising synthetic embeddings.

The first layer of the MLP is linear and so is the last of the VAE's decoder: W1 (D h + b) is
(W1 D) h + W1 b. Let synthetic embeddings [n, d] be decoded from h [n, m], with m much smaller than
d. Then W1 is applied to the m + 1 vectors of the decoder and to the originals of the batch, and no
synthetic embedding is made. Where originals are moved along a line, each one goes through W1
once, however often it is in the batch. Gradients follow by the chain rule, so they are exact too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from lens.core.stacked import Linear, product
from lens.latent.synthesis import Along, Decoded, Source, amounts
from lens.latent.vae import SIDES

WIDE = 4  # times as wide as the decoder's hidden layer, embeddings are not written out
KEPT = 2**26  # numbers of all embeddings of all runs: up to so many are made once, not every epoch


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
        hidden = torch.cat([products[:, count:], synthetic], dim=1)
        return _after_first(module, hidden).gather(1, self.order)


@dataclass
class Moved:
    """Originals along a line: `embeddings` [R, u + 1, d] are those of the batch once each, and the
    line; `order` and `amounts` [R, 2 b] say which one each of the batch is and how far it is moved.
    Among all of a run's originals, chosen before rejected, they are at `places` [R, 2 b]."""

    runs: Sequence[int]
    embeddings: Tensor
    order: Tensor
    amounts: Tensor
    places: Tensor

    def rewards(self, module: nn.Sequential) -> Tensor:
        """[R, 2 b] from the MLPs of R runs."""
        products = product(self.embeddings, cast(Linear, module[0]).weight)
        runs, count, _ = products.shape
        flat = (self.order + count * torch.arange(runs).unsqueeze(1)).flatten()
        hidden = products.flatten(0, 1).index_select(0, flat).unflatten(0, self.order.shape)
        return _after_first(module, hidden + self.amounts.unsqueeze(2) * products[:, -1:])


def _after_first(module: nn.Sequential, products: Tensor) -> Tensor:
    """Rewards [R, n] of MLPs for products [R, n, hidden] with the weights of their first layers."""
    hidden = products + cast(Linear, module[0]).bias.unsqueeze(1)
    for layer in list(module)[1:]:
        hidden = layer(hidden)
    return hidden.squeeze(2)


class Batches:
    """Pairs of batches for the sources of all runs, of embeddings [n, dim]; `compositions`
    [n, k, 2] are all pairs that there will be."""

    def __init__(self, sources: Sequence[Source], compositions: Sequence[Tensor], dim: int):
        self.sources = sources
        self.counts = [len(composition) for composition in compositions]
        tops = torch.stack([composition.flatten(0, 1).amax(dim=0) for composition in compositions])
        self.widths = (1 + tops.amax(dim=0)).tolist()  # variants of each side, with the original
        self.keeps = sum(self.widths) * sum(self.counts) * dim <= KEPT
        self.table: Tensor | None = None
        self.decoded = [
            source
            for source in sources
            if isinstance(source, Decoded)
            and source.originals["chosen"].shape[1] >= WIDE * source.vae.shape["hidden"]
        ]
        self.factored = len(self.decoded) == len(sources)
        self.lines = [source for source in sources if isinstance(source, Along)]
        self.fixed: dict[int, Tensor] = {}  # products of a run's originals and line at the start
        if self.factored:
            self.factors = [source.factors() for source in self.decoded]
            self.room = torch.empty(0)  # kept: fresh memory is slow to touch
            self.held: tuple[int, ...] = ()

    def __call__(
        self, runs: Sequence[int], rows: Sequence[Tensor], variants: Sequence[Tensor]
    ) -> Written | Factored | Moved:
        """The pairs at `rows` [b] with `variants` [b, 2] of each of these runs."""
        if self.factored:
            return self._factored(runs, rows, variants)
        if len(self.lines) == len(self.sources):
            return self._moved(runs, rows, variants)
        if self.keeps:
            return self._looked_up(runs, rows, variants)
        pairs = [
            torch.cat([self.sources[run](side, r, v[:, i]) for i, side in enumerate(SIDES)])
            for run, r, v in zip(runs, rows, variants, strict=True)
        ]
        return Written(torch.stack(pairs))

    def _looked_up(
        self, runs: Sequence[int], rows: Sequence[Tensor], variants: Sequence[Tensor]
    ) -> Written:
        """Pairs from a table of all embeddings, run by run, side by side, variant by variant."""
        if self.table is None:
            self.table = torch.cat(
                [
                    source(side, torch.arange(count), torch.full((count,), variant))
                    for source, count in zip(self.sources, self.counts, strict=True)
                    for side, width in zip(SIDES, self.widths, strict=True)
                    for variant in range(width)
                ]
            )
        starts = [sum(self.widths) * sum(self.counts[:run]) for run in runs]
        counts = torch.tensor([self.counts[run] for run in runs]).view(-1, 1, 1)
        sides = torch.tensor([[0], [self.widths[0]]])
        places = sides + torch.stack(list(variants)).mT
        places = places * counts + torch.stack(list(rows)).unsqueeze(1)
        places += torch.tensor(starts).view(-1, 1, 1)
        return Written(self.table[places.flatten()].view(len(runs), -1, self.table.shape[1]))

    @torch.no_grad()
    def before(self, start: nn.Sequential, pairs: Written | Factored | Moved) -> Tensor:
        """Rewards [R, 2 b] of pairs by MLPs that never change: products are made once."""
        if not isinstance(pairs, Moved):
            return pairs.rewards(start)
        hidden = []
        for index, run in enumerate(pairs.runs):
            if run not in self.fixed:
                source, weight = self.lines[run], cast(Linear, start[0]).weight[index]
                parts = [*source.originals.values(), source.line.unsqueeze(0)]
                self.fixed[run] = torch.cat([part @ weight.T for part in parts])
            known, far = self.fixed[run], pairs.amounts[index].unsqueeze(1)
            hidden.append(known[pairs.places[index]] + far * known[-1])
        return _after_first(start, torch.stack(hidden))

    def _moved(
        self, runs: Sequence[int], rows: Sequence[Tensor], variants: Sequence[Tensor]
    ) -> Moved:
        sources = [self.lines[run] for run in runs]
        counts = [len(source.originals["chosen"]) for source in sources]
        places = torch.stack(
            [torch.cat([r, count + r]) for r, count in zip(rows, counts, strict=True)]
        )
        uniques = [numbers.unique(return_inverse=True) for numbers in places]
        most = max(len(distinct) for distinct, _ in uniques)
        embeddings = torch.zeros(len(runs), most + 1, len(sources[0].line))
        for out, source, count, (distinct, _) in zip(
            embeddings, sources, counts, uniques, strict=True
        ):
            out[-1], at = source.line, 0
            for i, side in enumerate(SIDES):
                originals = distinct[(distinct >= count) == i] - i * count
                torch.index_select(
                    source.originals[side], 0, originals, out=out[at : at + len(originals)]
                )
                at += len(originals)
        order = torch.stack([inverse for _, inverse in uniques])
        seeds = torch.tensor([source.seed for source in sources]).unsqueeze(1)
        names = (
            torch.stack([r.repeat(2) for r in rows]),
            torch.stack([v.T.flatten() for v in variants]),
        )
        far = amounts(seeds, torch.arange(2).repeat_interleave(len(rows[0])), *names)
        return Moved(runs, embeddings, order, far, places)

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
            for index, run in enumerate(runs):
                self.room[index, :count] = self.factors[run][0]
        embeddings = self.room[:, : count + originals]
        synthetic = vectors.new_zeros(len(runs), int(new.sum(dim=1).max()), count)
        for index, (run, r, v) in enumerate(zip(runs, rows, variants, strict=True)):
            weights = self.factors[run][1]
            old = made = 0
            for i, side in enumerate(SIDES):
                is_new = v[:, i] > 0
                old_rows, new_rows = r[~is_new], r[is_new]
                torch.index_select(
                    self.decoded[run].originals[side],
                    0,
                    old_rows,
                    out=embeddings[index, count + old : count + old + len(old_rows)],
                )
                synthetic[index, made : made + len(new_rows)] = weights[side][
                    new_rows, v[is_new, i] - 1
                ]
                old, made = old + len(old_rows), made + len(new_rows)
        order = torch.where(new, originals + new.cumsum(dim=1), (~new).cumsum(dim=1)) - 1
        return Factored(embeddings, synthetic, order)
