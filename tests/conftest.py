"""Fixtures of many tests, ordinary Hugging Face folders among them, and which tests are slow."""

import gc
import os
import subprocess
import sys
from multiprocessing.process import BaseProcess

import pytest
import torch
from hypothesis.internal.conjecture import providers

from tests.helpers import warm
from tests.helpers.word_models import save_tokenizer, shape

os.environ["LENS_CACHE"] = "off"  # no test finds embeddings of another, or of whoever runs it


def pytest_configure(config):
    """Hypothesis tries the constants of every module that happens to be imported, so that what a
    worker ran before would choose the examples even of tests without chance; torture keeps that."""
    if config.option.markexpr != "torture":
        providers.is_local_module_file = lambda _: False
    if not hasattr(config, "workerinput"):
        warm.announce()


def pytest_collection(session):
    gc.disable()


def pytest_collection_finish(session):
    """What was imported and collected stays: the garbage collection of tests passes over it."""
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        warm.withdraw()


def pytest_make_parametrize_id(val, argname):
    """Bytes give a test no name: a compressed file holds the second it was made in.

    Workers that name the same test differently refuse to run at all.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory):
    """A random causal LM whose logits are far from even."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**shape(num_key_value_heads=1)))
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def gold_folder(tmp_path_factory):
    """A random sequence classifier with one label."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    folder = tmp_path_factory.mktemp("gold")
    torch.manual_seed(1)
    config = LlamaConfig(**shape(num_key_value_heads=2, num_labels=1))
    LlamaForSequenceClassification(config).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(2)
    BertModel(BertConfig(**shape())).save_pretrained(folder)
    save_tokenizer(folder, chat=False)
    return folder


@pytest.fixture
def fail(capsys):
    """Runs `lens ...`, expects one clear message and status 1, and returns the message."""
    from lens.cli import main

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert isinstance(stop.value.code, str), "no message"
        assert stop.value.code.startswith(f"lens {arguments[0]}: error: ")
        return stop.value.code

    return run


@pytest.fixture
def lens():
    """Runs `lens ...` and expects success."""
    from lens.cli import main

    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def one_parser():
    """The commands' parser made once: making it takes longer than reading a small file."""
    from functools import cache

    from lens import cli

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lens.cli.build_parser", cache(cli.build_parser))
        yield


@pytest.fixture(scope="session")
def shared():
    """Real data and the paper's numbers, beside the project where they are to be had."""
    from pathlib import Path

    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with real data is not there")
    return folder


@pytest.fixture
def cell_folders(tmp_path):
    import numpy as np

    from tests.helpers.cell_files import write_cell

    rng = np.random.default_rng(0)
    base, correct = rng.normal(size=(3, 10)), np.ones((3, 4))
    return [
        write_cell(tmp_path / "o", "original", 1, base, correct),
        write_cell(tmp_path / "r", "repeat", 4, base + 1, correct),
        write_cell(tmp_path / "l", "lens", 4, base + 3, correct),
        write_cell(tmp_path / "p", "linear_probe", 1, base + 2, 0 * correct),
    ], base


@pytest.fixture(scope="session")
def for_all_workers(tmp_path_factory, worker_id):
    """A folder that all workers of this session have."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def small_world(for_all_workers):
    """A folder in which the small world has been run, not to be changed: one for all workers, made
    by the first that asks while the others wait."""
    from filelock import FileLock

    from tests.helpers.workflow_tools import run

    directory = for_all_workers / "small_world"
    with FileLock(f"{directory}.lock"):
        if not directory.exists():
            half = directory.with_suffix(".half")
            half.mkdir()
            result = run(half, "--cores", 2)
            assert result.returncode == 0, result.stderr + result.stdout
            half.rename(directory)
    return directory


@pytest.fixture(scope="session")
def planned(for_all_workers, tmp_path_factory):
    """What `snakemake -n -p` prints of a config file, of config.yaml alone without one, in an empty
    folder, where every job is to be run: once for all workers."""
    from filelock import FileLock

    from tests.helpers.workflow_tools import ROOT, snakemake

    def listing(config=None):
        name = str(config.relative_to(ROOT)).replace("/", "_") if config else "default"
        file = for_all_workers / f"planned_{name}.txt"
        with FileLock(f"{file}.lock"):
            if not file.exists():
                given = ["--configfile", config] if config else []
                run = snakemake("-n", "-p", *given, directory=tmp_path_factory.mktemp("planned"))
                assert run.returncode == 0, run.stderr
                file.write_text(run.stdout)
        return file.read_text()

    return listing


# Slurm waits more than it computes, and whoever needs the small world waits for who makes it.
LONGEST = ("test_kills", "test_slurm", "test_text", "test_resuming", "test_leakage", "test_small")
LONGEST += ("test_report_page", "test_sweeps", "test_tutorial", "test_workflow", "test_plan")
LONGEST += (
    "test_other_engines",
    "test_determinism",
    "test_secrets",
    "test_prefetch",
    "test_server",
)
LONGEST += ("test_shards", "test_advise", "test_theory", "test_endpoint", "test_uncertainty")
LONGEST += ("test_own_pairs",)
BUILD_MODELS = {"llama_folder", "gold_folder", "bert_folder", "small_world", "planned"}
SLOW_FOLDERS = {"end_to_end", "torture"}


def pytest_collection_modifyitems(items):
    """Marks as slow what builds a language model or runs the workflow, beside what is marked by
    itself; the longest files come first, so that no worker ends with one alone."""
    for item in items:
        if BUILD_MODELS & set(item.fixturenames) or item.path.parent.name in SLOW_FOLDERS:
            item.add_marker("slow")
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


class NoLanguageModels:
    """Refuses to import a language model's code."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("transformers.models.") and ".modeling_" in name:
            raise AssertionError(f"{name} is imported: mark this test as slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """What is not marked as slow starts no process and imports no language model, nor do the
    fixtures that it is the first to use."""
    if item.get_closest_marker("slow"):
        return (yield)

    def refuse(*_, **__):
        raise AssertionError("a process is started: mark this test as slow")

    finder = NoLanguageModels()
    sys.meta_path.insert(0, finder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subprocess.Popen, "__init__", refuse)
            patch.setattr(os, "fork", refuse, raising=False)
            patch.setattr(BaseProcess, "start", refuse)
            return (yield)
    finally:
        sys.meta_path.remove(finder)
