"""Loads a Hub dataset from its own folder only. (The library `datasets` would read any file of this
machine or the network that a dataset names.)"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lens.core.errors import LensError

# Where a dataset may list its files; for `datasets` the second overrides the first.
CARDS = ("README.md", ".huggingface.yaml")


def load_folder(folder: str, name: str, split: str | None = None) -> Any:
    """A split of the dataset `name` in a folder, or all splits by name, as `datasets` objects.

    LensError before anything is read if a file is outside of the folder; else errors of `datasets`.
    """
    import datasets

    home = Path(folder).resolve()
    builder = datasets.load_dataset_builder(folder, data_files=_stated_files(home, name))
    for files in builder.config.data_files.values():
        for file in files:
            if not _is_inside(str(file), home):
                raise _outside(name, str(file))
    builder.download_and_prepare()
    return builder.as_dataset(split=split)


def _is_inside(file: str, home: Path) -> bool:
    """Whether a file is in the dataset's folder. Links are followed: the Hub's cache stores a
    snapshot as links to a sibling folder, which is allowed."""
    folders = [home, *([home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [])]
    path = Path(file).resolve()
    return not re.search("::|://", file) and any(path.is_relative_to(f) for f in folders)


def _stated_files(home: Path, name: str) -> object:
    """The default config's data files if it names them by their Hub address, replaced by those of
    the folder, which are of the right revision. None if `datasets` finds the files by itself.

    LensError if a config names a file outside of the folder: `datasets` would read it at once.
    """
    stated: dict[str, Any] = {}
    for card in CARDS:
        stated |= _metadata(home / card)
    configs = stated.get("configs")
    configs = [config for config in configs if isinstance(config, dict)] if configs else []
    local = [_localised(config.get("data_files"), home, name) for config in configs]
    for config, files in zip(configs, local, strict=True):
        for path in _strings([files, config.get("data_dir")]):
            inside = Path(os.path.normpath(home / path)).is_relative_to(home)
            if not inside or path.startswith("~") or re.search("::|://", path):
                raise _outside(name, path)
    chosen = [
        files
        for config, files in zip(configs, local, strict=True)
        if (len(configs) == 1 or config.get("config_name") == "default" or config.get("default"))
        and files != config.get("data_files")
    ]
    return chosen[0] if chosen else None


def _metadata(card: Path) -> dict:
    import yaml
    from huggingface_hub import metadata_load

    if not card.is_file():
        return {}
    try:
        if card.suffix == ".md":
            return metadata_load(card) or {}
        return dict(yaml.safe_load(card.read_text(encoding="utf-8")) or {})
    except Exception as error:  # PyYAML's errors are no ValueErrors
        raise LensError(f"{card}: its metadata cannot be read ({error}).") from error


def _localised(value: object, home: Path, name: str) -> object:
    """Nested data files with this dataset's Hub addresses replaced by paths in `home`."""
    if isinstance(value, str):
        revision = f"(@(main|{re.escape(home.name)}))?"
        on_hub = re.match(f"hf://datasets/{re.escape(name)}{revision}/", value)
        return f"{home}/{value[on_hub.end() :]}" if on_hub else value
    if isinstance(value, dict):
        return {key: _localised(item, home, name) for key, item in value.items()}
    return [_localised(item, home, name) for item in value] if isinstance(value, list) else value


def _strings(value: object) -> Iterator[str]:
    """Every string in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _outside(name: str, file: str) -> LensError:
    return LensError(
        f"dataset {name}: it names the data file {file!r}, which is outside of its folder. "
        "Download the files that you want and give their path."
    )
