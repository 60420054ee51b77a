"""The files that make a crate's folder an MLflow model too, from what its manifest says.

MLflow itself is never imported: what it reads is a handful of small texts.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from autotrack.crates.formats.mlflow_signature import signature
from autotrack.crates.manifest import MODEL_FILES, Manifest
from autotrack.crates.requirements import distribution_of

MLMODEL_FILE = "MLmodel"
_LOADER = "crated_function"
# From this format on they are no part of the crate.
_MADE_LATER = 4

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


def add_mlflow_files(folder: Path, manifest: Manifest) -> None:
    """Write what MLflow wants to find beside the model into `folder`, which a crate was copied to.

    ``mlflow.sklearn`` loads estimators, ``mlflow.pyfunc`` what predicts, functions included:
    their loader lies in the crate, so that autotrack is not needed where they are served. Crates
    of formats before 4 have these files among their own.
    """
    if manifest.format < _MADE_LATER:
        return
    for name, content in _environment(manifest.python, tuple(manifest.requirements)).items():
        (folder / name).write_bytes(content)
    if manifest.kind == "function":
        (folder / "code").mkdir(exist_ok=True)
        (folder / "code" / f"{_LOADER}.py").write_bytes(_loader_source())
    (folder / MLMODEL_FILE).write_text(_mlmodel(manifest), encoding="utf-8")


def _mlmodel(manifest: Manifest) -> str:
    told = manifest.mlflow
    file = MODEL_FILES[manifest.storage]
    flavors = ""
    if manifest.kind == "function":
        flavors = _PYFUNC.format(loader=_BY_ITSELF, python=manifest.python)
    else:
        if told.get("predicts"):
            loader = _BY_SKLEARN.format(file=file)
            flavors = _PYFUNC.format(loader=loader, python=manifest.python)
        flavors += _SKLEARN.format(
            file=file,
            serialization=_serialization(manifest),
            version=json.dumps(_version_of_sklearn(manifest.requirements)),
            trusted=json.dumps(told["skops_types"]) if told.get("skops_types") else "null",
        )
    try:
        inputs, outputs = signature(manifest.schema, manifest.outputs, told.get("unused", ()))
    except (KeyError, TypeError, ValueError):  # a manifest that somebody made by hand
        inputs, outputs = [], []
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
        # The same whenever they are made.
        uuid=hashlib.sha256(manifest.to_bytes()).hexdigest()[:32],
        signature=known,
        created=_moment(manifest.created),
    )


def _moment(created: str) -> str:
    try:
        return str(datetime.fromisoformat(created).replace(tzinfo=None))
    except ValueError:  # a manifest that somebody made by hand
        return str(datetime.fromtimestamp(0, UTC).replace(tzinfo=None))


def _quoted(text: str) -> str:
    """A text of ASCII in one line, as YAML has it."""
    return "'" + text.replace("'", "''") + "'"


def _serialization(manifest: Manifest) -> str:
    if manifest.storage == "skops":
        return "skops"
    return "cloudpickle" if manifest.code else "pickle"


def _version_of_sklearn(requirements: Sequence[str]) -> str | None:
    """The version that a crate was packed with; that of this process where it does not say."""
    said = (line.partition("==")[2] for line in requirements if line.startswith("scikit-learn=="))
    return next(said, None) or (distribution_of("sklearn") or ("", None))[1]


def _environment(python: str, requirements: tuple[str, ...]) -> dict[str, bytes]:
    """The files that say where the model runs, with their content."""
    listed = "".join(f"  - {line}\n" for line in requirements)
    texts = {
        "conda.yaml": _CONDA.format(python=python, exact=listed),
        "python_env.yaml": _PYTHON_ENV.format(python=python),
        "requirements.txt": _REQUIREMENTS.format(
            exact="".join(f"{line}\n" for line in requirements)
        ),
    }
    return {name: text.encode() for name, text in texts.items()}


@functools.cache
def _loader_source() -> bytes:
    return Path(__file__).with_name("mlflow_loader.py").read_bytes()
