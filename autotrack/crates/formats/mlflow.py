"""The files that make a crate's folder an MLflow model too, from what its manifest says.

MLflow itself is never imported: what it reads is a handful of small texts.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from autotrack.crates.formats.mlflow_signature import signature
from autotrack.crates.manifest import MODEL_FILES, Manifest, PackedFile, write
from autotrack.crates.requirements import distribution_of

_MLMODEL_FILE = "MLmodel"
_LOADER = "crated_function"

_MLMODEL = """\
flavors:
{flavors}\
model_size_bytes: {size}
model_uuid: {uuid}
{signature}\
utc_time_created: '{created}'
"""
_PYFUNC = """\
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
{loader}\
    python_version: "{python}"
"""
_BY_SKLEARN = """\
    loader_module: mlflow.sklearn
    model_path: {file}
    predict_fn: predict
"""
# Without `model_path`: the loader is given the folder.
_BY_ITSELF = f"""\
    code: code
    loader_module: {_LOADER}
"""
_SKLEARN = """\
  sklearn:
    code: null
    pickled_model: {file}
    serialization_format: {serialization}
    sklearn_version: {version}
    skops_trusted_types: {trusted}
"""
_SIGNATURE = """\
signature:
  inputs: {inputs}
  outputs: {outputs}
  params: null
"""
_REQUIREMENTS = """\
{exact}# What serves the model; it does not need it.
mlflow
"""
_PYTHON_ENV = """\
python: "{python}"
build_dependencies:
- pip
- setuptools
- wheel
dependencies:
- -r requirements.txt
"""
_CONDA = """\
channels:
- conda-forge
dependencies:
- python={python}
- pip
- pip:
{exact}  - mlflow
name: autotrack-crate
"""


def add_mlflow_files(
    folder: Path,
    manifest: Manifest,
    *,
    predicts: bool,
    unused: Collection[str] = (),
    skops_types: Sequence[str] = (),
) -> list[PackedFile]:
    """Write what MLflow wants to find beside the model into `folder`.

    ``mlflow.sklearn`` loads estimators, ``mlflow.pyfunc`` what predicts, functions included:
    their loader lies in the crate, so that autotrack is not needed where they are served.

    Parameters
    ----------
    folder : Path
        Holds the model's file already.
    manifest : Manifest
        With that file.
    predicts : bool
        Whether the model has a ``predict``. MLflow gives a pyfunc to no other.
    unused : collection of str
        Columns of the training data that the model can do without.
    skops_types : sequence of str
        Types in a model stored by skops that skops asks about. MLflow takes the list from here.

    Returns
    -------
    list of PackedFile
        The written files.
    """
    files = []
    for packed, content in _environment(manifest.python, tuple(manifest.requirements)):
        write(folder, packed.path, content)
        files.append(packed)
    if manifest.kind == "function":
        (folder / "code").mkdir()
        files.append(PackedFile.written(folder, f"code/{_LOADER}.py", _loader_source()))
    model = _mlmodel(manifest, predicts, unused, skops_types).encode()
    files.append(PackedFile.written(folder, _MLMODEL_FILE, model))
    return files


def _mlmodel(
    manifest: Manifest, predicts: bool, unused: Collection[str], skops_types: Sequence[str]
) -> str:
    file = MODEL_FILES[manifest.storage]
    flavors = ""
    if manifest.kind == "function":
        flavors = _PYFUNC.format(loader=_BY_ITSELF, python=manifest.python)
    else:
        if predicts:
            loader = _BY_SKLEARN.format(file=file)
            flavors = _PYFUNC.format(loader=loader, python=manifest.python)
        flavors += _SKLEARN.format(
            file=file,
            serialization=_serialization(manifest),
            version=json.dumps((distribution_of("sklearn") or ("", None))[1]),
            trusted=json.dumps(list(skops_types)) if skops_types else "null",
        )
    inputs, outputs = signature(manifest.schema, manifest.outputs, unused)
    known = ""
    if inputs or outputs:
        # A text that holds JSON, as MLflow has it.
        known = _SIGNATURE.format(
            inputs=_quoted(json.dumps(inputs)) if inputs else "null",
            outputs=_quoted(json.dumps(outputs)) if outputs else "null",
        )
    return _MLMODEL.format(
        flavors=flavors,
        size=sum(each.size for each in manifest.files if each.path == file),
        uuid=uuid.uuid4().hex,
        signature=known,
        created=str(datetime.fromisoformat(manifest.created).replace(tzinfo=None)),
    )


def _quoted(text: str) -> str:
    """A text of ASCII in one line, as YAML has it."""
    return "'" + text.replace("'", "''") + "'"


def _serialization(manifest: Manifest) -> str:
    if manifest.storage == "skops":
        return "skops"
    return "cloudpickle" if manifest.code else "pickle"


# The same for most crates of a process, and so are their digests.
@functools.lru_cache(maxsize=64)
def _environment(python: str, requirements: tuple[str, ...]) -> list[tuple[PackedFile, bytes]]:
    """The files that say where the model runs, with their content."""
    listed = "".join(f"  - {line}\n" for line in requirements)
    texts = {
        "conda.yaml": _CONDA.format(python=python, exact=listed),
        "python_env.yaml": _PYTHON_ENV.format(python=python),
        "requirements.txt": _REQUIREMENTS.format(
            exact="".join(f"{line}\n" for line in requirements)
        ),
    }
    return [(PackedFile.of(name, text.encode()), text.encode()) for name, text in texts.items()]


@functools.cache
def _loader_source() -> bytes:
    return Path(__file__).with_name("mlflow_loader.py").read_bytes()
