"""Experiment trackers: off unless the environment variable LENS_TRACK names one."""

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from lens.core.errors import LensError

TRACKERS = ("tensorboard", "trackio", "wandb")


def track(name: str, settings: Mapping, metrics: Mapping) -> None:
    """Sends a stage's metrics to the tracker that LENS_TRACK names: numbers as they are, lists of
    numbers as series.

    TensorBoard writes to LENS_TRACK_DIR (default `runs`); trackio and Weights & Biases use the
    project LENS_TRACK_PROJECT (default `lens`) and their own settings. A tracker's failure is only
    a warning.
    """
    kind = tracker()
    if not kind:
        return
    series = dict(flatten(metrics))
    try:
        (_tensorboard if kind == "tensorboard" else _project)(kind, name, settings, series)
    except Exception as error:
        print(f"tracking with {kind} failed: {error}", file=sys.stderr)


def tracker() -> str:
    """The tracker in LENS_TRACK, or "". LensError if it is unknown or not installed."""
    kind = os.environ.get("LENS_TRACK", "").strip().lower()
    if kind and kind not in TRACKERS:
        raise LensError(f"LENS_TRACK={kind}: not one of {', '.join(TRACKERS)}.")
    if kind and find_spec(kind) is None:
        raise LensError(f"LENS_TRACK={kind}: not installed. Run `pip install {kind}`.")
    return kind


def flatten(metrics: Mapping, prefix: str = "") -> Iterator[tuple[str, list[float]]]:
    """Yields ("a/b", values) for every number or list of numbers in nested mappings."""
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}/")
        else:
            values = value if isinstance(value, list) else [value]
            if values and all(type(number) in (int, float) for number in values):
                yield f"{prefix}{key}", values


def _tensorboard(kind: str, name: str, settings: Mapping, series: Mapping) -> None:
    from torch.utils.tensorboard import SummaryWriter

    inside = os.path.normpath(name).strip("./")  # whatever the name, below the tracker's folder
    folder = os.path.join(os.environ.get("LENS_TRACK_DIR", "runs"), inside)
    with SummaryWriter(folder) as writer:
        writer.add_text("settings", "\n".join(f"    {k}: {v}" for k, v in settings.items()))
        for key, values in series.items():
            for step, value in enumerate(values):
                writer.add_scalar(key, value, step)


def _project(kind: str, name: str, settings: Mapping, series: Mapping) -> None:
    from importlib import import_module

    tracker = import_module(kind)  # trackio has the interface of wandb
    project = os.environ.get("LENS_TRACK_PROJECT", "lens")
    tracker.init(project=project, name=name, config=dict(settings))
    for step in range(max(map(len, series.values()), default=0)):
        tracker.log({key: values[step] for key, values in series.items() if step < len(values)})
    tracker.finish()
