"""Answers token by token: a prompt is read once, whatever the number of its answers.

Every answer has a slot, in which its prompt's keys and values end at one column for all; each step
writes the next column. A finished answer leaves its slot to the next. Columns that no
answer needs any more are dropped when the slots are full.
"""

from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lens.core.progress import Bar
from lens.language.batching import distinct
from lens.language.packed.attention import Inner, Texts, packed
from lens.language.packed.reading import batches, lay_out

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model

States = dict[torch.nn.Module, tuple[Tensor, Tensor]]  # keys and values [heads, t, size] by layer
Pick = Callable[[Tensor, list[int], list[int]], list[int]]


class Slots:
    """The plan of answers that grow side by side: each has a slot of keys and values, of which it
    sees the columns from its own start to the one that is written."""

    def __init__(self, count: int, width: int, device: torch.device):
        self.count, self.width = count, width
        self.used = self.column = 0
        self.starts = torch.zeros(count, dtype=torch.long, device=device)
        self.stored: dict[torch.nn.Module, tuple[Tensor, Tensor]] = {}

    def put(self, states: States) -> None:
        """A prompt's states in the next slot. Prompts come longest first."""
        length = next(iter(states.values()))[0].shape[1]
        if not self.used:
            self.column = length
        start = self.column - length
        self.starts[self.used] = start
        for layer, both in states.items():
            if layer not in self.stored:
                self.stored[layer] = self._empty(both[0]), self._empty(both[1])
            for store, new in zip(self.stored[layer], both, strict=True):
                store[self.used, :, start : self.column] = new
        self.used += 1

    def _empty(self, like: Tensor) -> Tensor:
        """Room for states [heads, t, size] in every slot."""
        return like.new_zeros(self.count, like.shape[0], self.width, like.shape[2])

    def leave(self, slot: int) -> None:
        """Frees a slot; the last one's answer moves there."""
        self.used -= 1
        if slot < self.used:
            start = int(self.starts[self.used])
            self.starts[slot] = start
            for store in (store for both in self.stored.values() for store in both):
                store[slot, :, start : self.column] = store[self.used, :, start : self.column]

    def next_column(self) -> None:
        self.column += 1
        if self.column < self.width:
            return
        unused = int(self.starts[: self.used].min())
        for store in (store for both in self.stored.values() for store in both):
            store[:, :, : self.column - unused] = store[:, :, unused : self.column].clone()
        self.starts -= unused
        self.column -= unused

    def attend(
        self, inner: Inner, module: torch.nn.Module, states: tuple[Tensor, ...], kwargs: dict
    ) -> Tensor:
        query, *new = states
        window = kwargs.get("sliding_window") or self.width
        low = max(int(self.starts[: self.used].min()), self.column + 1 - window)
        here = torch.arange(low, self.column + 1, device=query.device)
        unseen = here < self.starts[: self.used, None]
        mask = torch.zeros(unseen.shape, dtype=query.dtype, device=query.device)
        mask = mask.masked_fill(unseen, torch.finfo(query.dtype).min)[:, None, None]
        seen = []
        for store, own in zip(self.stored[module], new, strict=True):
            store[: self.used, :, self.column] = own[0].transpose(0, 1)
            seen.append(store[: self.used, :, low : self.column + 1])
        attended, _ = inner(module, query[0].transpose(0, 1)[:, :, None], *seen, mask, **kwargs)
        return attended.transpose(0, 1)


class _Prompts:
    """Prompts in the order of their jobs, read when their turn comes and forgotten after."""

    def __init__(self, model: "Model", texts: list[list[int]], order: list[tuple[int, int]]):
        self.model, self.texts, self.order = model, texts, order  # (prompt, job), next one last
        self.known: dict[int, tuple[States, Tensor]] = {}

    def take(self, count: int) -> list[tuple[int, States, Tensor]]:
        """(job, states of its prompt, logits [words] of its first token) for the next jobs."""
        turn = [self.order.pop() for _ in range(min(count, len(self.order)))]
        new = {prompt for prompt, _ in turn if prompt not in self.known}
        self.known = {prompt: self.known[prompt] for prompt, _ in turn if prompt not in new}
        if new:
            self._read(sorted(new))
        return [(job, *self.known[prompt]) for prompt, job in turn]

    def _read(self, prompts: list[int]) -> None:
        texts = [self.texts[prompt] for prompt in prompts]
        device = self.model.device
        for batch in batches(texts, sum(map(len, texts)), "any"):
            paths, ids, positions = lay_out(texts, batch)
            new = [len(path) - shared for path, shared in zip(paths, batch.shared, strict=True)]
            plan = Texts(paths, new, device)
            plan.kept = {}
            last, which = torch.unique(
                torch.stack([path[-1] for path in paths]), return_inverse=True
            )
            with packed(self.model, plan):
                logits = self.model(
                    input_ids=torch.tensor([ids], device=device),
                    position_ids=torch.tensor([positions], device=device),
                    logits_to_keep=last.to(device),
                    use_cache=False,
                ).logits[0]
            for row, path, place in zip(batch.rows, paths, which, strict=True):
                where = path.to(device)
                states = {
                    layer: (keys[:, where], values[:, where])
                    for layer, (keys, values) in plan.kept.items()
                }
                self.known[prompts[row]] = states, logits[place]


@torch.inference_mode()
def write(
    model: "Model",
    prompts: Sequence[Sequence[int]],
    jobs: Sequence[int],
    pick: Pick,
    *,
    ends: Set[int],
    most: int,
    slots: int,
) -> list[list[int]]:
    """Token ids of an answer for each job, which is the row of its prompt: at most `most`, or up to
    the first of `ends`. `slots` answers are written side by side.

    pick(logits [n, words], numbers of the jobs, steps from 0) chooses their next tokens.
    """
    texts, places = distinct(prompts)
    order = [(places[row], job) for job, row in enumerate(jobs)]
    order.sort(key=lambda both: (len(texts[both[0]]), both))
    waiting = _Prompts(model, texts, order)
    plan = Slots(min(slots, len(jobs)), max(map(len, texts)) + 2 * most, model.device)
    answers: list[list[int]] = [[] for _ in jobs]
    active: list[int] = []  # job by slot

    def add(logits: Tensor, of: list[int]) -> None:
        """The next token of these jobs; those that end leave."""
        for job, token in zip(of, pick(logits, of, [len(answers[job]) for job in of]), strict=True):
            answers[job].append(token)
        for job in of:
            if answers[job][-1] in ends or len(answers[job]) == most:
                slot = active.index(job)
                plan.leave(slot)
                active[slot] = active[-1]
                active.pop()
                bar.update()

    with Bar(desc="generate", total=len(jobs), unit="answer") as bar:
        while waiting.order or active:
            while waiting.order and len(active) < plan.count:
                fresh = waiting.take(plan.count - len(active))
                for job, states, _ in fresh:
                    plan.put(states)
                    active.append(job)
                add(torch.stack([logits for *_, logits in fresh]), [job for job, *_ in fresh])
            if active:
                with packed(model, plan):
                    logits = _step(model, texts, answers, active, [places[jobs[j]] for j in active])
                plan.next_column()
                add(logits, list(active))
    return answers


def _step(
    model: "Model",
    texts: list[list[int]],
    answers: list[list[int]],
    active: list[int],
    prompts: list[int],
) -> Tensor:
    """Logits [n, words] after the newest tokens of the active answers."""
    newest = [answers[job][-1] for job in active]
    before = [
        len(texts[prompt]) + len(answers[job]) - 1
        for prompt, job in zip(prompts, active, strict=True)
    ]
    return model(
        input_ids=torch.tensor([newest], device=model.device),
        position_ids=torch.tensor([before], device=model.device),
        use_cache=False,
    ).logits[0]
