"""Loading a Hub dataset from its folder, of whose files alone its rows may come: the library
`datasets` reads what a dataset names from anywhere on this machine or the network."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lens.core.errors import LensError

# Where a dataset may say which files it is made of; `datasets` lets the later overrule the former.
CARDS = ("README.md", ".huggingface.yaml")


def load_folder(folder: str, name: str, split: str | None = None) -> Any:
    """A split of the dataset `name` in a folder, or all by name, as `datasets` gives it.

    LensError where a file would come from elsewhere, before any is read; errors of `datasets` else.
    """
    import datasets

    home = Path(folder).resolve()
    builder = datasets.load_dataset_builder(folder, data_files=_stated_files(home, name))
    for files in builder.config.data_files.values():
        for file in files:
            if not _is_own(str(file), home):
                raise _foreign(name, str(file))
    builder.download_and_prepare()
    return builder.as_dataset(split=split)


def _is_own(file: str, home: Path) -> bool:
    """Links are followed. The Hub's cache holds a snapshot as links to a folder beside it."""
    homes = [home, *([home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [])]
    found = Path(file).resolve()
    return not re.search("::|://", file) and any(found.is_relative_to(each) for each in homes)


def _stated_files(home: Path, name: str) -> object:
    """The default config's data files where it names them as on the Hub, in whose place stand those
    of the folder: they are of the revision that was asked for. None where `datasets` finds them.

    LensError where a config names what lies elsewhere, which `datasets` would look up at once.
    """
    stated: dict[str, Any] = {}
    for card in CARDS:
        stated |= _metadata(home / card)
    configs = stated.get("configs")
    configs = [each for each in configs if isinstance(each, dict)] if configs else []
    here = [_here(each.get("data_files"), home, name) for each in configs]
    for each, files in zip(configs, here, strict=True):
        for path in _texts([files, each.get("data_dir")]):
            inside = Path(os.path.normpath(home / path)).is_relative_to(home)
            if not inside or path.startswith("~") or re.search("::|://", path):
                raise _foreign(name, path)
    chosen = [
        files
        for each, files in zip(configs, here, strict=True)
        if (len(configs) == 1 or each.get("config_name") == "default" or each.get("default"))
        and files != each.get("data_files")
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
    except Exception as error:  # YAML has errors of its own
        raise LensError(f"{card}: its metadata cannot be read ({error}).") from error


def _here(value: object, home: Path, name: str) -> object:
    """Data files in which those of this dataset on the Hub are the folder's."""
    if isinstance(value, str):
        revision = f"(@(main|{re.escape(home.name)}))?"
        on_hub = re.match(f"hf://datasets/{re.escape(name)}{revision}/", value)
        return f"{home}/{value[on_hub.end() :]}" if on_hub else value
    if isinstance(value, dict):
        return {key: _here(item, home, name) for key, item in value.items()}
    return [_here(item, home, name) for item in value] if isinstance(value, list) else value


def _texts(value: object) -> Iterator[str]:
    """Every text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _foreign(name: str, file: str) -> LensError:
    return LensError(
        f"dataset {name}: it names the data file {file!r}, which lies outside of it. "
        "Take the files that you mean and give their path."
    )
