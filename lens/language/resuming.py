"""A transformers Trainer that saves its state and continues from it: without pickle, and on a
CPU to the same weights, bit for bit.

Saved are the weights that are trained, the optimizer's state, random numbers and the Trainer's own
state, as safetensors and JSON. DeepSpeed keeps its state in files of its own, which are pickled, so
that nothing is saved under it.
"""

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from lens.core.processes import from_first, is_first
from lens.files import artifacts
from lens.files.atomic import replacing_folder

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

EVERY = 600.0  # seconds between two saves
STATE = "trainer_state.json"  # as the Trainer looks for it


class Resuming:
    """Takes the place of what a Trainer would unpickle; first among its base classes."""

    model: Any
    optimizer: Any
    lr_scheduler: Any
    accelerator: Any
    args: Any

    def _load_from_checkpoint(self, folder: str, model: Any = None) -> None:
        saved = _read(folder, "weights")
        with torch.no_grad():
            for name, value in trained(self.model):
                value.copy_(saved[name])

    def _load_optimizer_and_scheduler(self, folder: str | None) -> None:
        if folder is None:
            return
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _read(folder, "optimizer").items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = value
        about = artifacts.read_json(Path(folder) / "schedule.json")
        self.optimizer.load_state_dict({"state": state, "param_groups": about["groups"]})
        self.lr_scheduler.load_state_dict(about["scheduler"])

    def _load_rng_state(self, folder: str | None) -> None:
        if folder is not None:
            saved = _read(folder, "random")
            set_random(saved, self.args.process_index)


def train(trainer: Any, folder: Path | None) -> None:
    """Trains; with a folder, continues from what is saved in it, and saves there."""
    saving = Saving(trainer, folder) if folder else None
    if saving:
        trainer.add_callback(saving)
    trainer.train(resume_from_checkpoint=str(folder) if saving and saving.goes_on else None)


class Saving(TrainerCallback):
    """Saves every `EVERY` seconds in a folder, and restores there what a Trainer itself does not:
    the order of the texts in an unfinished epoch, and the loss since it was last logged."""

    def __init__(self, trainer: Any, folder: Path):
        self.trainer, self.folder = trainer, folder
        resumes = (folder / STATE).is_file() and not trainer.is_deepspeed_enabled
        self.goes_on = from_first(resumes)
        self.saved = time.monotonic()
        self.epoch_began: dict[str, torch.Tensor] = {}
        if self.goes_on:
            logging.getLogger(__name__).warning("%s: continues from there", folder)

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        if self.goes_on:
            saved = _read(self.folder, "loss")
            self.trainer._tr_loss = saved["since_logged"].to(self.trainer.args.device)
            self.trainer._globalstep_last_logged = int(saved["last_logged"])

    def on_epoch_begin(self, *_: Any, train_dataloader: Any, **__: Any) -> None:
        order = _sampler(train_dataloader).generator  # its own where several processes share it
        if self.goes_on:
            saved = _read(self.folder, "epoch")
            set_random(saved, self.trainer.args.process_index)
            if order is not None:
                order.set_state(saved["order"])
            self.goes_on = False
        self.epoch_began = self.random()
        if order is not None:
            self.epoch_began["order"] = order.get_state()

    def on_step_end(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
    ) -> None:
        if not control.should_log:
            self.save_if_due(state)

    def on_log(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
    ) -> None:
        """A step that is logged is saved with its log, which would be missing otherwise."""
        self.save_if_due(state)

    def save_if_due(self, state: "TrainerState") -> None:
        due = time.monotonic() - self.saved >= EVERY and state.global_step < state.max_steps
        if from_first(due) and not self.trainer.is_deepspeed_enabled:
            self.save(state)
            self.saved = time.monotonic()

    def random(self) -> dict[str, torch.Tensor]:
        """The states of random numbers [processes, bytes] of all processes."""
        states = {"cpu": torch.get_rng_state()}
        if self.trainer.args.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state()
        gather, device = self.trainer.accelerator.gather, self.trainer.args.device
        return {name: gather(value[None].to(device)).cpu() for name, value in states.items()}

    def save(self, state: "TrainerState") -> None:
        from safetensors.torch import save_file

        trainer, random = self.trainer, self.random()
        if not is_first():
            return
        optimizer, schedule = trainer.optimizer.state_dict(), trainer.lr_scheduler.state_dict()
        parts = {
            "weights": {name: value.detach() for name, value in trained(trainer.model)},
            "optimizer": {
                f"{number}.{name}": value
                for number, values in optimizer["state"].items()
                for name, value in values.items()
            },
            "random": random,
            "epoch": self.epoch_began,
            "loss": {
                "since_logged": trainer._tr_loss,
                "last_logged": torch.tensor(trainer._globalstep_last_logged),
            },
        }
        with replacing_folder(self.folder) as folder:
            for part, values in parts.items():
                whole = {name: value.contiguous() for name, value in values.items()}
                save_file(whole, folder / f"{part}.safetensors")
            about = {"groups": optimizer["param_groups"], "scheduler": schedule}
            (folder / "schedule.json").write_text(json.dumps(about), encoding="utf-8")
            state.save_to_json(os.fspath(folder / STATE))


def trained(model: Any) -> list[tuple[str, Any]]:
    """The parameters that are trained, by name; one that several layers share once."""
    return [(name, value) for name, value in model.named_parameters() if value.requires_grad]


def _sampler(loader: Any) -> Any:
    """The sampler inside what accelerate has made of a data loader."""
    batches = loader.batch_sampler
    while not hasattr(batches, "sampler"):
        batches = batches.batch_sampler
    return batches.sampler


def set_random(states: dict[str, torch.Tensor], process: int) -> None:
    torch.set_rng_state(states["cpu"][process].clone())
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"][process].clone())


def _read(folder: str | Path, part: str) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(Path(folder) / f"{part}.safetensors")
