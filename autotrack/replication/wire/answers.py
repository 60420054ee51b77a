"""How a call may end that did not succeed."""

from __future__ import annotations

from autotrack.errors import AutotrackError


class RefusedError(AutotrackError):
    """The server will not do it, however often it is asked.

    Attributes
    ----------
    word : str
        MLflow's word for the reason, such as ``RESOURCE_DOES_NOT_EXIST``.
    """

    def __init__(self, message: str, word: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.word = word
        self.status = status

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.word == "RESOURCE_DOES_NOT_EXIST" or (self.status == 404 and not self.word)

    @property
    def is_there_already(self) -> bool:
        """Whether what was to be made is there."""
        return self.word == "RESOURCE_ALREADY_EXISTS"


class UnavailableError(AutotrackError):
    """No answer, or none that says anything: the server is away, busy or in trouble.

    Attributes
    ----------
    is_certain : bool
        Whether the server did certainly not do it.
    wait : float or None
        Seconds that the server asked for.
    is_denied : bool
        Whether it refused the credentials, which may be renewed.
    """

    def __init__(
        self,
        message: str,
        *,
        is_certain: bool = False,
        wait: float | None = None,
        is_denied: bool = False,
    ) -> None:
        super().__init__(message)
        self.is_certain = is_certain
        self.wait = wait
        self.is_denied = is_denied


class StoppedError(AutotrackError):
    """The sender was told to end."""
