"""Jobs by cell: reward models that share their inputs share a job, since each takes moments.

Such a job trains, or judges, all cells of a dataset, model and N that the artefacts read. Training
leaves a list of them, by which the Snakefile knows them again: what is added to the config later
makes one more job, and what stands is left alone. A cell that a job of its own has made keeps it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lens.files.artifacts import read_json
from lens.reward.methods import METHODS
from lens.workflow.artefacts import ARTEFACTS
from lens.workflow.cells import variants
from lens.workflow.config import Config
from lens.workflow.paths import CELL_FILES, At, cell, seed_files

CELL = re.compile(r".*/(?:train_reward|best_of_n)/([^/]+)/([^/]+)/n(\d+)/([^/]+)/x(\d+)/[^/]+")


class Cell(NamedTuple):
    """A reward model of embeddings; its fields are those of a job's wildcards."""

    dataset: str
    model: str
    n_pairs: str
    method: str
    scale: str

    @property
    def at(self) -> At:
        return At(*self[:3])

    @property
    def row(self) -> str:
        return f"{self.method}/x{self.scale}"


def cell_of(file: str) -> Cell | None:
    """The cell that a file of the results belongs to."""
    match = CELL.fullmatch(file)
    return Cell(*match.groups()) if match else None


class Batch(NamedTuple):
    """Cells of one place that share a job; `number` counts the batches of the place."""

    at: At
    number: int
    cells: list[Cell]

    @property
    def place(self) -> str:
        """What its log, benchmark and list of cells are called, below their stage's folder."""
        return f"{self.at}/cells_{self.number}"

    @property
    def rule(self) -> str:
        """What the name of its rules ends with: of this place alone, since a job on a cluster reads
        the Snakefile again, when other lists may be there."""
        return re.sub(r"\W", "_", f"at_{self.at}_{self.number}")


def wanted(config: Config) -> dict[At, list[Cell]]:
    """The cells that the artefacts read, by place."""
    made = [ARTEFACTS[name].make(config) for name in config.artefacts if name in ARTEFACTS]
    cells = dict.fromkeys(cell_of(file) for one in made for file in one.inputs)
    by_place: dict[At, list[Cell]] = {}
    for one in filter(None, cells):
        by_place.setdefault(one.at, []).append(one)
    return by_place


def batches(config: Config) -> Iterator[Batch]:
    """Those that have been made, as their lists say, and then what no list holds."""
    known_methods = {*METHODS, *variants(config)}
    for at, cells in wanted(config).items():
        # What the rule for one cell has trained: Snakemake has noted its seconds.
        alone = f"{config.results}/benchmarks/train_reward/{at}"
        seen = {one for one in cells if Path(f"{alone}/{one.row}.jsonl").is_file()}
        files = Path(f"{config.results}/train_reward/{at}").glob("cells_*.json")
        lists = {int(file.stem.removeprefix("cells_")): read_json(file) for file in files}
        for number, rows in sorted(lists.items()):
            listed = [
                cells[0]._replace(method=m, scale=k) for m, k in (r.split("/x") for r in rows)
            ]
            known = [one for one in listed if one in cells or one.method in known_methods]
            if kept := [one for one in known if one not in seen]:
                yield Batch(at, number, kept)
            seen |= set(kept)
        if left := [one for one in cells if one not in seen]:
            yield Batch(at, max(lists, default=-1) + 1, left)


def to_judge(config: Config, batch: Batch) -> list[str]:
    """The reward models of every cell and seed, and what training measured of them."""
    folders = [cell(config, "train_reward", one.at, *one[3:]) for one in batch.cells]
    models = [file for folder in folders for file in seed_files(config, folder)]
    return models + [f"{folder}/metrics.json" for folder in folders]


def trained(config: Config, batch: Batch) -> list[str]:
    """All that training leaves of the cells."""
    folders = [cell(config, "train_reward", one.at, *one[3:]) for one in batch.cells]
    return to_judge(config, batch) + [f"{folder}/cost.json" for folder in folders]


def judged(config: Config, batch: Batch) -> list[str]:
    """All that judging leaves of the cells."""
    folders = [cell(config, "best_of_n", one.at, *one[3:]) for one in batch.cells]
    return [f"{folder}/{name}" for folder in folders for name in ("cost.json", *CELL_FILES)]
