"""The hook for experiment trackers."""

import sys
import types

import pytest

from lens.core.errors import LensError
from lens.files import artifacts
from lens.files.tracking import flatten, track

METRICS = {"loss": [0.7, 0.6], "by_seed": {"0": {"accuracy": 0.5}}, "name": "x", "on": True}


@pytest.fixture(autouse=True)
def off(monkeypatch):
    for name in ("LENS_TRACK", "LENS_TRACK_DIR", "LENS_TRACK_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def test_numbers_and_series_are_found_and_nothing_else():
    assert dict(flatten(METRICS)) == {"loss": [0.7, 0.6], "by_seed/0/accuracy": [0.5]}


def test_off_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    track("run", {}, METRICS)
    assert not list(tmp_path.iterdir())


def test_tensorboard_gets_what_a_stage_measured(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("LENS_TRACK", "tensorboard")
    monkeypatch.setenv("LENS_TRACK_DIR", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    artifacts.write_metrics("stage/metrics.json", {"seed": 1}, {}, METRICS)
    events = EventAccumulator(str(tmp_path / "runs/stage/metrics"))
    events.Reload()
    assert [e.value for e in events.Scalars("loss")] == pytest.approx([0.7, 0.6])
    assert [e.step for e in events.Scalars("loss")] == [0, 1]
    assert events.Scalars("by_seed/0/accuracy")[0].value == 0.5


@pytest.mark.parametrize("kind", ["trackio", "wandb"])
def test_trackers_with_projects_get_every_step(kind, monkeypatch):
    calls = []
    fake = types.ModuleType(kind)
    fake.__spec__ = types.SimpleNamespace(name=kind)
    fake.init = lambda **options: calls.append(options)
    fake.log = calls.append
    fake.finish = lambda: calls.append("finished")
    monkeypatch.setitem(sys.modules, kind, fake)
    monkeypatch.setenv("LENS_TRACK", kind)
    track("run", {"seed": 1}, METRICS)
    assert calls == [
        {"project": "lens", "name": "run", "config": {"seed": 1}},
        {"loss": 0.7, "by_seed/0/accuracy": 0.5},
        {"loss": 0.6},
        "finished",
    ]


def test_what_fails_inside_a_tracker_does_not_undo_the_work(monkeypatch, capsys):
    fake = types.ModuleType("wandb")
    fake.__spec__ = types.SimpleNamespace(name="wandb")
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setenv("LENS_TRACK", "wandb")
    track("run", {}, METRICS)
    assert "tracking with wandb failed" in capsys.readouterr().err


def test_a_tracker_that_is_unknown_or_missing_is_named(monkeypatch):
    monkeypatch.setenv("LENS_TRACK", "clipboard")
    with pytest.raises(LensError, match="not one of tensorboard, trackio, wandb"):
        track("run", {}, METRICS)
    monkeypatch.setenv("LENS_TRACK", "wandb")
    monkeypatch.setattr("lens.files.tracking.find_spec", lambda name: None)
    with pytest.raises(LensError, match="pip install wandb"):
        track("run", {}, METRICS)


def test_an_absolute_path_still_lands_in_the_trackers_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LENS_TRACK", "tensorboard")
    monkeypatch.setenv("LENS_TRACK_DIR", str(tmp_path / "runs"))
    track(str(tmp_path / "model"), {}, METRICS)
    assert not (tmp_path / "model").exists()
    assert list((tmp_path / "runs").rglob("events*"))


def test_a_wrong_tracker_is_named_before_the_work(monkeypatch, fail, tmp_path):
    monkeypatch.setenv("LENS_TRACK", "clipboard")
    assert "not one of" in fail("check", "data", tmp_path / "none.jsonl")
