"""How long an advice may take: planned by work, and held by the clock while it works."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lens.language.loading import set_threads
from lens.reward import methods
from lens.reward.recipes import Recipe

LENS_STEP = 1.2  # of a LENS step in steps on pairs as they are
VAE = 7.0  # of a VAE's training in trainings on the original pairs
CONVERGED = 55.0  # of a VAE's that trains until convergence
VAES = {"lens": VAE, "lens_converged": CONVERGED}
LENS_PLUS_STEP = 1.7  # of what LENS+ takes for each of its scale
CURVE = 2.0  # of the learning curve in trainings of the dearest probe
CHOICE = 8.0  # of a round of the back-test in trainings of the evidence probe
SPARE = 0.95  # of the budget: reports take time as well
LOAD = Path("/proc/loadavg")


@dataclass
class Budget:
    """`limit` seconds from now; None for as long as it takes. `expected` is what a recipe takes in
    a round, first by a plan, then as it last took; `choice` what the back-test of choosing does."""

    limit: float | None
    start: float = field(default_factory=lambda: time.perf_counter())
    expected: dict[Recipe, float] = field(default_factory=dict)
    choice: float = 0.0
    slower: float = 1.0  # than planned, by the last recipe
    threads: int = field(default_factory=lambda: torch.get_num_threads())

    def use_free_cores(self) -> None:
        """Where time is limited, no more threads than cores are free: those that wait for a core
        hold up all others, and two of them can take twenty times as long as one."""
        if self.limit is not None:
            set_threads(min(self.threads, free_cores()))

    def give_back(self) -> None:
        """As many threads as before."""
        if self.limit is not None:
            set_threads(self.threads)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    def curve(self) -> float:
        """What a round of the learning curve takes."""
        probes = [
            seconds
            for recipe, seconds in self.expected.items()
            if recipe.method in methods.PROBES and recipe.labels == "hard"
        ]
        return CURVE * max(probes, default=0.0)

    def has_time_for(self, recipes: Sequence[Recipe], rounds: int) -> bool:
        """Whether these recipes fit in, with the learning curve of so many rounds and the back-test
        after them."""
        if self.limit is None:
            return True
        ahead = sum(self.expected[recipe] for recipe in recipes) + rounds * self.curve()
        ahead += self.choice
        return self.spent + self.slower * ahead <= SPARE * self.limit

    def took(self, recipe: Recipe, seconds: float) -> None:
        """Takes note of what a recipe took."""
        planned = self.expected.get(recipe, 0.0)
        self.slower = max(1.0, seconds / planned) if planned > 0 else 1.0
        self.expected[recipe] = seconds


def free_cores() -> int:
    """Cores on which nothing else is running, at least one; all where the system does not say."""
    cores = os.cpu_count() or 1
    if not LOAD.exists():
        return cores
    running = []
    for _ in range(3):
        time.sleep(0.02)  # until threads of our own have stopped to look for work
        running.append(int(LOAD.read_text().split()[3].partition("/")[0]) - 1)
    return max(1, cores - int(statistics.median(running)))


def expectations(
    recipes: Sequence[Recipe], original: float, probes: dict[str, float]
) -> dict[Recipe, float]:
    """Seconds of each recipe in a round, from those of a training on the original pairs and of
    each probe. The first of its method that decodes latents pays for the VAE."""
    seconds: dict[Recipe, float] = {}
    for recipe in recipes:
        if recipe.method in probes:
            seconds[recipe] = probes[recipe.method]
        elif recipe.method == "lens_plus":
            seconds[recipe] = original * LENS_PLUS_STEP * recipe.scale
        elif recipe.method in VAES:
            first = not any(other.method == recipe.method for other in seconds)
            vae = VAES[recipe.method] * first
            seconds[recipe] = original * (LENS_STEP * recipe.scale + vae)
        else:
            seconds[recipe] = original * recipe.scale
    return seconds
