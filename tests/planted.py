"""Things planted by tests: pickles and code that leave a mark when they run, and secrets."""

import json
import os
import pickle
import shutil
from pathlib import Path

import torch


class Mark:
    """A file that planted code makes. What is pickled with it runs when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)

    @property
    def made(self) -> bool:
        return self.path.exists()

    def code(self) -> str:
        """Python that makes it."""
        return f"import os\nos.mkdir({str(self.path)!r})\n"

    def pickled(self) -> bytes:
        return pickle.dumps({"weight": self})

    def saved_by_torch(self, path: Path) -> None:
        torch.save({"weight": self}, path)


def without_safetensors(folder: Path, to: Path) -> Path:
    """A copy of a model folder that has no weights left."""
    shutil.copytree(folder, to)
    for file in to.glob("*.safetensors*"):
        file.unlink()
    return to


def with_own_code(folder: Path, to: Path, mark: Mark, parts: tuple[str, ...]) -> Path:
    """A copy of a model folder whose config and tokenizer ask for code of its own: a Llama that
    works, which leaves a mark when it is imported. `parts` are names of auto classes."""
    shutil.copytree(folder, to)
    (to / "own.py").write_text(
        f"{mark.code()}"
        "from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification\n"
        "from transformers import LlamaModel, PreTrainedTokenizerFast as OwnTokenizerFast\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
        "class OwnModel(LlamaModel):\n    config_class = OwnConfig\n"
        "class OwnForCausalLM(LlamaForCausalLM):\n    config_class = OwnConfig\n"
        "class OwnClassifier(LlamaForSequenceClassification):\n    config_class = OwnConfig\n"
    )
    names = {
        "AutoConfig": "own.OwnConfig",
        "AutoModel": "own.OwnModel",
        "AutoModelForCausalLM": "own.OwnForCausalLM",
        "AutoModelForSequenceClassification": "own.OwnClassifier",
    }
    config = json.loads((to / "config.json").read_text())
    config["auto_map"] = {name: names[name] for name in parts if name in names}
    config["model_type"] = "own" if "AutoConfig" in parts else config["model_type"]
    (to / "config.json").write_text(json.dumps(config))
    if "AutoTokenizer" in parts:
        tokenizer = json.loads((to / "tokenizer_config.json").read_text())
        tokenizer["auto_map"] = {"AutoTokenizer": [None, "own.OwnTokenizerFast"]}
        tokenizer["tokenizer_class"] = "OwnTokenizer"
        (to / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return to
