"""The Hugging Face Hub: downloading what a run reads of it, and what its refusals mean."""

import json
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lens.core.errors import LensError, out_of_memory

PAGE = "https://huggingface.co"
COMMIT = re.compile("[0-9a-f]{40}")
SPEC = re.compile(r"(?P<name>[\w-][\w.-]*/[\w.-]+)(@(?P<revision>.+))?")
# Weights, tokenizer and config, as `from_pretrained` looks for them.
MODEL_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken", "vocab.txt"]
MODEL_FILES += ["merges.txt"]
# The same weights once more, as their makers saved them or for other programs.
# The folders of a sentence-transformers model's modules begin with a digit: 2_Dense.
NOT_READ = ("original/*", "consolidated*", "onnx/*", "openvino/*", "[!0-9]*/*.safetensors")


@dataclass(frozen=True)
class Wanted:
    """A "model" or "dataset" of the Hub at a revision; `code` where the model's own code is run."""

    kind: str
    name: str
    revision: str = "main"
    code: bool = False


def parse(spec: str, kind: str, *, code: bool = False) -> Wanted:
    """What `ORGANISATION/NAME` or `ORGANISATION/NAME@REVISION` says. Raises LensError."""
    found = SPEC.fullmatch(spec)
    if not found:
        raise LensError(f"{spec!r} is no Hub id. Write ORGANISATION/NAME@REVISION.")
    return Wanted(kind, found["name"], found["revision"] or "main", code)


def download(wanted: Wanted) -> dict:
    """Brings it into the cache (HF_HOME); what lies there already is not fetched again, and what
    was half fetched goes on. Returns kind, id, revision, commit, bytes and folder.

    Raises LensError where the Hub refuses, or where a model has no safetensors.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects

    patterns = _patterns(wanted)
    with reading(wanted.name, wanted.revision, wanted.kind):
        if not COMMIT.fullmatch(wanted.revision):  # else an old copy would do without a network
            HfApi().repo_info(wanted.name, repo_type=wanted.kind, revision=wanted.revision)
        folder = snapshot_download(
            wanted.name,
            repo_type=wanted.kind,
            revision=wanted.revision,
            **patterns,
        )
    folder = Path(folder)
    if wanted.kind == "model":
        _check_model(folder, wanted)
    files = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.is_file()}
    return {
        "kind": wanted.kind,
        "id": wanted.name,
        "revision": wanted.revision,
        "commit": folder.name,
        "bytes": sum(files[n].stat().st_size for n in filter_repo_objects(files, **patterns)),
        "folder": str(folder),
    }


def dataset_folder(name: str, revision: str | None) -> str:
    """The folder of a dataset's files at this very revision, from the cache or else the Hub: by the
    id alone the library `datasets` would take, offline, any revision that it has seen. A folder is
    its own. Raises LensError."""
    from huggingface_hub import snapshot_download

    if Path(name).is_dir():
        return name
    with reading(name, revision, "dataset"):
        return snapshot_download(name, repo_type="dataset", revision=revision)


def cached_folder(path: str, revision: str | None, code: bool) -> str:
    """A model's folder: itself, or, offline, where `download` has put a Hub model; else its id. For
    engines that would look in the cache for files that `download` leaves out. Raises LensError."""
    from huggingface_hub import constants, snapshot_download

    if Path(path).is_dir() or not constants.is_offline_mode():
        return path
    wanted = Wanted("model", path, revision or "main", code)
    with reading(path, revision):
        folder = snapshot_download(path, revision=revision, **_patterns(wanted))
    _check_model(Path(folder), wanted)
    return folder


def known_absent(name: str, revision: str | None, file: str) -> bool:
    """Whether the cache knows that a Hub model has no such file: one that was not downloaded may
    well be there."""
    from huggingface_hub import _CACHED_NO_EXIST, get_cached_repo_tree, try_to_load_from_cache
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    if try_to_load_from_cache(name, file, revision=revision) is _CACHED_NO_EXIST:
        return True
    try:
        tree = get_cached_repo_tree(name, revision=revision)
    except CachedRepoTreeNotFoundError:
        return False
    return file not in {entry.path for entry in tree}


@contextmanager
def reading(name: str, revision: str | None = None, kind: str = "model") -> Iterator[None]:
    """LensError in place of whatever libraries raise when they read a folder or the Hub: what is
    damaged or of another kind meets them in many ways. A lack of memory stays what it is."""
    try:
        yield
    except LensError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise LensError(explain(error, name, revision, kind)) from error


def model_json(model: str, revision: str | None, name: str) -> Any:
    """A JSON file of a model's folder or Hub repository, or None where there is none. Raises
    LensError where that cannot be told, for want of a network, or where it is no JSON."""
    from transformers.utils import cached_file

    if Path(model).is_file():
        return None
    with reading(model, revision):
        path = cached_file(
            model, name, revision=revision, _raise_exceptions_for_missing_entries=False
        )
        if path:
            return json.loads(Path(path).read_text(encoding="utf-8"))
    if not (Path(model).is_dir() or known_absent(model, revision, name)):
        raise LensError(explain(FileNotFoundError(f"no {name}"), model, revision))
    return None


def explain(error: Exception, name: str, revision: str | None, kind: str = "model") -> str:
    """What went wrong with a model or dataset, and what to do. It never shows a token."""
    from huggingface_hub import constants, errors

    what = f"{kind} {name} (revision {revision or 'main'})"
    page = f"{PAGE}/{name}" if kind == "model" else f"{PAGE}/datasets/{name}"
    found = {type_: one for one in reversed(list(_causes(error))) for type_ in type(one).__mro__}
    if "trust_remote_code" in str(error):
        return (
            f"{what} brings code of its own, which runs only if you ask for it. Read that code; if "
            "you trust it, pin the revision and set `trust_remote_code: true` (in the config) or "
            "--trust-remote-code (on the command line)."
        )
    said = textwrap.shorten(str(error) or type(error).__name__, 500)
    if Path(name).exists():
        return f"{kind} {name} cannot be loaded: {said}"
    if errors.GatedRepoError in found:
        return (
            f"{what} is gated. Accept its licence at {page} and give a token of the account that "
            f"did in the environment variable HF_TOKEN ({_token_state()})."
        )
    if errors.RevisionNotFoundError in found:
        return f"{what}: the Hub has no such revision. Choose one of {page}/commits/main."
    if errors.RepositoryNotFoundError in found:
        return (
            f"{what}: the Hub shows no such {kind}. Check the name at {page}; if it is private or "
            "gated, accept its licence there and give a token that may read it in the environment "
            f"variable HF_TOKEN ({_token_state()})."
        )
    refused: Any = found.get(errors.HfHubHTTPError)
    if refused and refused.response.status_code in (401, 403):
        return (
            f"{what}: the Hub refuses (HTTP {refused.response.status_code}). Check at {page} that "
            f"you may read it, and the environment variable HF_TOKEN ({_token_state()})."
        )
    advice = (
        "On a machine with a network and with the same HF_HOME run `snakemake prefetch "
        f"--configfile ...` or `lens prefetch --{kind}s {name}@{revision or 'main'}`; or give the "
        f"path of a {'folder' if kind == 'model' else 'local file'}."
    )
    if constants.is_offline_mode():
        first = next(filter(None, str(error).splitlines()), type(error).__name__)
        return (
            f"{what} cannot be loaded from the cache {constants.HF_HUB_CACHE} alone, and "
            f"HF_HUB_OFFLINE allows no download ({first}). {advice}"
        )
    if errors.LocalEntryNotFoundError in found or _is_transport(error):
        return f"{what}: the Hub cannot be reached ({error}). {advice}"
    return f"{what} cannot be loaded: {said}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from; a Hub's refusal is often wrapped more than once."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_transport(error: Exception) -> bool:
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    return isinstance(error, HTTPError) and not isinstance(error, HfHubHTTPError)


def _token_state() -> str:
    from huggingface_hub import get_token

    if os.environ.get("HF_TOKEN"):
        return "it is set, but that is no token with access"
    return "not set; a saved login has no access either" if get_token() else "it is not set"


def _patterns(wanted: Wanted) -> dict[str, list[str]]:
    """Which files of it are read, as `snapshot_download` takes them."""
    if wanted.kind == "dataset":
        return {}
    code = ["*.py"] if wanted.code else []
    return {"allow_patterns": [*MODEL_FILES, *code], "ignore_patterns": list(NOT_READ)}


def _check_model(folder: Path, wanted: Wanted) -> None:
    """LensError unless config and all weights are there."""
    weights = [file.name for file in folder.glob("*.safetensors")]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        needed = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    else:
        needed = set() if weights else {"*.safetensors"}
    missing = sorted(needed - set(weights))
    if not (folder / "config.json").is_file():
        missing.insert(0, "config.json")
    if missing:
        raise LensError(
            f"model {wanted.name} (revision {wanted.revision}): {', '.join(missing)} missing at "
            f"{PAGE}/{wanted.name} or in {folder}. Only models with safetensors are read; choose a "
            "revision or a model that has them."
        )
