"""Things planted by tests: pickles and code that leave a mark when they run, and secrets."""

import gzip
import json
import os
import pickle
import re
import shutil
from base64 import urlsafe_b64decode
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pandas as pd
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


SECRETS = {
    "HF_TOKEN": "hf_plantedAlphaQ7x",
    "HUGGING_FACE_HUB_TOKEN": "hf_plantedBravoZ3k",
    "OPENAI_API_KEY": "sk-planted/Charlie+W9m",
    "JUDGE_KEY": "sk-planted/Delta+R2v",
    "WANDB_API_KEY": "plantedEcho5t",
    "AWS_SECRET_ACCESS_KEY": "planted/Foxtrot8n",
    "HTTPS_PROXY": "http://me:plantedGolf4h@127.0.0.1:9",
    "HF_ENDPOINT": "http://me:plantedHotel6j@127.0.0.1:9",
}


def secrets_in(folder: Path) -> set[tuple[str, str]]:
    """(file, secret) wherever a planted secret stands in a file of the folder, also URL-encoded, in
    base64, or compressed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {(str(path), secret) for path in files for secret in secrets_of(path)}


def secrets_of(path: Path) -> set[str]:
    content = path.read_bytes()
    if path.suffix == ".parquet":
        content += pd.read_parquet(path).to_json().encode()
    if content[:2] == b"\x1f\x8b":
        content += gzip.decompress(content)
    return secrets_in_text(content)


def secrets_in_text(content: bytes) -> set[str]:
    """The planted secrets in it."""
    views = [content, unquote_to_bytes(content), content.replace(b"\\/", b"/")]
    for run in re.findall(rb"[A-Za-z0-9+/_-]{16,}", content):
        for start in range(4):
            part = run[start:] if len(run[start:]) % 4 != 1 else run[start:-1]
            part = part.translate(bytes.maketrans(b"+/", b"-_"))
            views.append(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    words = [re.sub(".*//.*:(.*)@.*", r"\1", secret) for secret in SECRETS.values()]
    return {word for word in words if any(word.encode() in view for view in views)}
