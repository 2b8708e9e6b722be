"""Trainings that are stopped and go on: the same weights, bit for bit, and nothing pickled."""

import os
import shutil
import socket
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest

from lens.language import finetuning, gold, loading
from lens.language.finetuning import Lora, Settings
from tests.helpers import warm
from tests.helpers.text_training import rows, stopping, train
from tests.helpers.workflow_tools import ROOT

pytestmark = pytest.mark.skipif(
    not (find_spec("trl") and find_spec("peft")), reason="extra `text` is not installed"
)
# 3 epochs of 3 steps, each of two parts; the loss is logged at every step (a tenth of 9).
LONG = Settings(3, 1e-2, 4, device_batch_size=2, warmup_share=0.2)


@pytest.fixture(autouse=True)
def one_thread():
    loading.set_threads(1)


@pytest.mark.parametrize(
    ("steps", "lora", "name"),
    [
        (1, None, "model.safetensors"),
        (6, None, "model.safetensors"),  # the end of an epoch
        (5, Lora(rank=2, dropout=0.3), "adapter_model.safetensors"),
    ],
)
def test_a_training_that_was_stopped_ends_with_the_same_bytes(
    llama_folder, tmp_path, steps, lora, name
):
    options = {"settings": LONG, "lora": lora, "data": rows(12)}
    _, expected = train(llama_folder, tmp_path / "whole", **options)
    checkpoint = tmp_path / "checkpoint"
    with stopping(steps):
        train(llama_folder, tmp_path / "m", checkpoint=checkpoint, **options)
    kept = {file.suffix for file in checkpoint.iterdir()}
    assert kept == {".safetensors", ".json"}
    assert not (tmp_path / "m").exists()
    _, facts = train(llama_folder, tmp_path / "m", checkpoint=checkpoint, **options)
    assert facts == expected
    same = [(tmp_path / folder / name).read_bytes() for folder in ("whole", "m")]
    assert same[0] == same[1]
    assert not checkpoint.exists()


def test_a_step_that_is_not_logged_is_saved(llama_folder, tmp_path):
    """Of 24 steps every third is logged."""
    more = Settings(8, 1e-2, 4)
    with stopping(5):
        train(llama_folder, None, checkpoint=tmp_path / "c", settings=more, data=rows(12))
    assert (tmp_path / "c").is_dir()


def test_a_training_that_goes_on_does_what_is_left_alone(llama_folder, tmp_path, monkeypatch):
    """Other texts from step 4 on would be seen: the saved state is used, not made again."""
    with stopping(4):
        train(llama_folder, None, checkpoint=tmp_path / "c", settings=LONG, data=rows(12))
    from transformers import Trainer

    steps, step = [], Trainer.training_step
    monkeypatch.setattr(
        Trainer, "training_step", lambda self, *given: steps.append(1) or step(self, *given)
    )
    train(llama_folder, None, checkpoint=tmp_path / "c", settings=LONG, data=rows(12))
    assert len(steps) == 2 * (9 - 4)


ON_SEVERAL = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from lens.core import processes
from lens.language import loading
from tests.helpers import warm
from tests.helpers.text_training import Settings, rows, stopping, train
{start}
loading.set_threads(1)
out, settings = Path(sys.argv[2]), Settings(3, 1e-3, 8)
train(sys.argv[1], out / "shared", settings=Settings(3, 1e-3, 8), data=rows(8))
train(sys.argv[1], out / "two", settings=settings, data=rows(20))
with stopping(4):
    train(sys.argv[1], out / "again", settings=settings, data=rows(20), checkpoint=out / "c")
train(sys.argv[1], out / "again", settings=settings, data=rows(20), checkpoint=out / "c")
rank = processes.from_first(os.environ["RANK"])
said = f"{{os.environ['WORLD_SIZE']}} {{processes.is_first()}} {{rank}}"
(out / os.environ["RANK"]).write_text(said)
"""
# Two processes of one, with the variables that a launcher sets.
FORKS = """
def start(rank):
    if process := os.fork():
        return process
    place = {{"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}}
    place |= {{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": {port}}}
    os.environ.update({{name: str(value) for name, value in place.items()}})

if started := start(0):
    if other := start(1):
        sys.exit(any([os.waitpid(process, 0)[1] for process in (started, other)]))
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def one_node():
    return FORKS.format(port=free_port()), ["-m train"]


def two_nodes():
    """As docs/cluster.md starts it, one launcher a node, with a process each."""
    words = "--multi_gpu --num_machines 2 --num_processes 2 --main_process_ip 127.0.0.1"
    launch = f"-m accelerate.commands.launch {words} --main_process_port {free_port()}"
    return "", [f"{launch} --machine_rank {rank} -m train" for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("launchers", [one_node, two_nodes])
def test_several_processes_share_a_batch_and_go_on_together(llama_folder, tmp_path, launchers):
    """Two processes on the CPU (gloo), each with half of the batch: the same model as by one where
    all pairs are one batch, and the same bytes where they were stopped."""
    start, commands = launchers()
    (tmp_path / "train.py").write_text(ON_SEVERAL.format(start=start, root=str(ROOT)))
    path = warm.path()
    environment = {"PATH": path, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    started = [
        subprocess.Popen(
            [shutil.which("python", path=path), *command.split(), llama_folder, tmp_path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )
        for command in commands
    ]
    try:
        for process in started:
            error = process.communicate(timeout=300)[1]
            assert process.returncode == 0, error[-3000:]
    finally:
        for process in started:
            process.kill()
    assert (tmp_path / "0").read_text() == "2 True 0"
    assert (tmp_path / "1").read_text() == "2 False 0"
    same = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("two", "again")]
    assert same[0] == same[1]
    train(llama_folder, tmp_path / "one", settings=Settings(3, 1e-3, 8), data=rows(8))
    chosen, _ = rows(8)
    scores = []
    for name in ("one", "shared"):
        _, model = finetuning.load_reward(str(tmp_path / name), dtype="float32", device="cpu")
        scores.append(gold.score(model, chosen, batch_tokens=64))
    np.testing.assert_allclose(*scores, atol=1e-4)
