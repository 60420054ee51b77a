"""Every error and warning autotrack raises, and how they hang together.

::

    AutotrackError (Exception)
    ├── SettingError (ValueError)          a setting or argument that cannot be used
    ├── StoreError
    │   ├── StoreUnavailableError          the store cannot be opened, read or written
    │   ├── StoreLockedError               another program holds the database
    │   └── StoreDamagedError              the database file is not what it should be
    ├── NotFoundError (LookupError)
    │   ├── ExperimentNotFoundError
    │   ├── RunNotFoundError
    │   ├── ArtifactNotFoundError
    │   └── ModelNotFoundError             no registered model, version or alias of this name
    ├── NoActiveRunError                   a verb that needs an active run, and there is none
    ├── ActiveRunError                     a second run on top of an active one
    ├── RunFinishedError                   a finished run written to
    ├── RegisteredRunError                 a run deleted that a registered model came from
    ├── InvalidValueError (ValueError)     a key, metric or param value that cannot be kept
    ├── FilterError (ValueError)           a `where` or `order_by` that cannot be read
    ├── ReplicationError                   a store cannot be sent to a server, or nothing fetched
    └── CrateError
        ├── CrateFormatError               not a crate, or of a format this version cannot read
        ├── DigestMismatchError            a file differs from what was recorded
        ├── UntrustedCrateError            nobody answers for it, so it was not opened
        ├── UncratableError                the model cannot be pickled
        ├── FreeNameError (NameError)      a function uses what its crate was not given
        └── ContractError (ValueError)     rows that a crate's model cannot predict for

    AutotrackWarning (UserWarning)
    ├── CaptureWarning                     something went wrong inside autotrack; training went on
    ├── PreprocessingWarning               a model trained on data transformed outside of it
    ├── ContractWarning                    rows unlike those a crate's model was trained on
    └── VersionWarning                     a crate opened with other versions than packed with

Each message names the thing, the value that was met and the next step to take, and ends in the
code of its kind: ``[AT422]``. Errors have AT4.., warnings AT5.., findings AT1.. to AT3... What a
code means is in ``autotrack/cli/codes/errors.md``, which ``autotrack help CODE`` prints.
"""

from __future__ import annotations

from typing import ClassVar

from autotrack.printable import printable

__all__ = [
    "ActiveRunError",
    "ArtifactNotFoundError",
    "AutotrackError",
    "AutotrackWarning",
    "CaptureWarning",
    "ContractError",
    "ContractWarning",
    "CrateError",
    "CrateFormatError",
    "DigestMismatchError",
    "ExperimentNotFoundError",
    "FilterError",
    "FreeNameError",
    "InvalidValueError",
    "ModelNotFoundError",
    "NoActiveRunError",
    "NotFoundError",
    "PreprocessingWarning",
    "RegisteredRunError",
    "ReplicationError",
    "RunFinishedError",
    "RunNotFoundError",
    "SettingError",
    "StoreDamagedError",
    "StoreError",
    "StoreLockedError",
    "StoreUnavailableError",
    "UncratableError",
    "UntrustedCrateError",
    "VersionWarning",
]


def _coded(message: str, code: str) -> str:
    """A message that can be shown anywhere, and ends in the code of its kind."""
    shown = printable(message, lines=True)
    return shown if shown.endswith(f"[{code}]") else f"{shown} [{code}]".lstrip()


class AutotrackError(Exception):
    """The root of every error autotrack raises on purpose.

    Its message holds what others wrote, which is spelt out where it is no visible character.

    Attributes
    ----------
    code : str
        Ends the message; ``autotrack help CODE`` says what it means and what to do.
    """

    code: ClassVar[str] = "AT400"

    def __str__(self) -> str:
        return _coded(super().__str__(), self.code)


class SettingError(AutotrackError, ValueError):
    """A setting, argument or environment variable has a value that cannot be used."""

    code = "AT401"


class StoreError(AutotrackError):
    """Something is wrong with the store."""

    code = "AT410"


class StoreUnavailableError(StoreError):
    """The store cannot be opened, read or written (permissions, a full disk, no such folder)."""

    code = "AT411"


class StoreLockedError(StoreError):
    """Another program has held the database for longer than autotrack waits."""

    code = "AT412"


class StoreDamagedError(StoreError):
    """The database file is damaged, or not an autotrack database."""

    code = "AT413"


class NotFoundError(AutotrackError, LookupError):
    """Something was asked for by a name or id that the store does not hold."""

    code = "AT420"


class ExperimentNotFoundError(NotFoundError):
    """No experiment has this name or id."""

    code = "AT421"


class RunNotFoundError(NotFoundError):
    """No run has this id."""

    code = "AT422"


class ArtifactNotFoundError(NotFoundError):
    """The run holds no artifact of this path, or the local file to log is missing."""

    code = "AT423"


class ModelNotFoundError(NotFoundError):
    """No registered model, version or alias is called so."""

    code = "AT424"


class NoActiveRunError(AutotrackError):
    """The verb needs an active run and there is none."""

    code = "AT431"


class ActiveRunError(AutotrackError):
    """A run was started on top of an active one without ``nested=True``."""

    code = "AT432"


class RunFinishedError(AutotrackError):
    """A run that has ended was written to."""

    code = "AT433"


class RegisteredRunError(AutotrackError):
    """A run was to be deleted that a version of a registered model came from."""

    code = "AT434"


class InvalidValueError(AutotrackError, ValueError):
    """A key, a metric or a param value is of a kind that cannot be kept."""

    code = "AT441"


class FilterError(AutotrackError, ValueError):
    """A ``where`` or ``order_by`` text cannot be understood."""

    code = "AT442"


class CrateError(AutotrackError):
    """Something is wrong with a crate."""

    code = "AT450"


class CrateFormatError(CrateError):
    """The folder is not a crate, or one of a format this version of autotrack cannot read."""

    code = "AT451"


class DigestMismatchError(CrateError):
    """A file's SHA-256 differs from the one that was recorded for it."""

    code = "AT452"


class UntrustedCrateError(CrateError):
    """Nobody answers for a crate: neither the store in use nor its caller. It was not opened.

    Attributes
    ----------
    names : list of str
        What its pickle would import, or the types that skops does not trust by itself, each as
        ``module.name``.
    digests : dict of str to str
        The SHA-256 of its model and of its manifest, by the names of the files.
    """

    code = "AT453"

    def __init__(
        self, message: str, names: list[str], digests: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.names = names
        self.digests = digests or {}


class UncratableError(CrateError):
    """The model cannot be pickled.

    Attributes
    ----------
    attribute : str or None
        The path of the attribute that stands in the way, as far as it could be found.
    """

    code = "AT454"

    def __init__(self, message: str, attribute: str | None = None) -> None:
        super().__init__(message)
        self.attribute = attribute


class FreeNameError(CrateError, NameError):
    """A function uses names that are neither builtins nor modules, and were not passed.

    Attributes
    ----------
    names : list of str
        All of them.
    """

    code = "AT455"

    def __init__(self, message: str, names: list[str]) -> None:
        super().__init__(message)
        self.names = names


class ContractError(CrateError, ValueError):
    """The rows given to a crate are none that its model can predict for.

    Attributes
    ----------
    columns : list of str
        The columns in question.
    """

    code = "AT456"

    def __init__(self, message: str, columns: list[str]) -> None:
        super().__init__(message)
        self.columns = columns


class ReplicationError(AutotrackError):
    """A store cannot be sent to a server of MLflow's, or what is there cannot be fetched."""

    code = "AT461"


class AutotrackWarning(UserWarning):
    """The root of every warning autotrack gives; its text is spelt out as that of errors is.

    Attributes
    ----------
    code : str
        Ends the message, as that of errors does.
    """

    code: ClassVar[str] = "AT500"

    def __str__(self) -> str:
        return _coded(super().__str__(), self.code)


class CaptureWarning(AutotrackWarning):
    """Something went wrong inside autotrack; the user's own work was not touched."""

    code = "AT501"


class PreprocessingWarning(AutotrackWarning):
    """A model was trained on the output of a transformer that is not part of it."""

    code = "AT502"


class ContractWarning(AutotrackWarning):
    """Rows are unlike those that a crate's model was trained on; it predicted all the same."""

    code = "AT503"


class VersionWarning(AutotrackWarning):
    """A crate was opened with other versions of its libraries than it was packed with."""

    code = "AT504"
