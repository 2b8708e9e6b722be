"""Small models that tests build and save: random weights, ordinary Hugging Face folders."""

import pytest
import torch

WORDS = [f"w{i}" for i in range(40)]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<user> ' if m['role'] == 'user' else '<assistant> ' }}{{ m['content'] }} <eos>"
    "{% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)


def save_tokenizer(folder, *, pad="<pad>", chat=True):
    """A word-level tokenizer that also adds a beginning of its own, as Llama's does."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<bos>", "<eos>", "<unk>", "<user>", "<assistant>"]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token=pad,
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=["<user>", "<assistant>"],
        model_max_length=64,
    )
    tokenizer.chat_template = TEMPLATE if chat else None
    tokenizer.save_pretrained(folder)
    return tokenizer


def shape(**more):
    return {
        "vocab_size": 6 + len(WORDS),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **more,
    }


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
def small_world(tmp_path_factory, worker_id):
    """A folder in which the small world has been run, not to be changed: one for all workers, made
    by the first that asks while the others wait."""
    from filelock import FileLock

    from tests.helpers.workflow_tools import run

    base = tmp_path_factory.getbasetemp()
    directory = (base if worker_id == "master" else base.parent) / "small_world"
    with FileLock(f"{directory}.lock"):
        if not directory.exists():
            half = directory.with_suffix(".half")
            half.mkdir()
            result = run(half, "--cores", 2)
            assert result.returncode == 0, result.stderr + result.stdout
            half.rename(directory)
    return directory


def pytest_collection_modifyitems(items):
    """The longest files first, so that no worker ends with one alone."""
    longest = [
        "test_torture_kills",
        "test_end_to_end_text",
        "test_slurm",
        "test_end_to_end",
        "test_end_to_end_sweeps",
        "test_workflow",
    ]
    order = {name: place for place, name in enumerate(longest)}
    items.sort(key=lambda item: order.get(item.path.stem, len(longest)))
