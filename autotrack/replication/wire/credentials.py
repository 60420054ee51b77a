"""Credentials, found where MLflow's own client finds them. They are kept nowhere."""

from __future__ import annotations

import base64
import configparser
import netrc
import os
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from autotrack.errors import ReplicationError
from autotrack.runtime.dataclass import dataclass

_TRUE = frozenset({"1", "true"})
_BY_SKINNY = "takes the extra mlflow: pip install 'sklearn-autotrack[mlflow]'"


@dataclass(frozen=True, slots=True)
class Host:
    """Where a server is, without any credentials.

    Attributes
    ----------
    scheme : str
        ``http`` or ``https``.
    netloc : str
        Host and port.
    prefix : str
        The path that comes before those of MLflow's.
    """

    scheme: str
    netloc: str
    prefix: str


def without_credentials(uri: str) -> str:
    """A tracking URI with no name and password in it."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri.rstrip("/") if parts.scheme in {"http", "https"} else uri
    bare = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=bare)).rstrip("/")


def is_databricks(uri: str) -> bool:
    """Whether a tracking URI names a workspace of Databricks'."""
    return uri == "databricks" or uri.startswith("databricks://")


def host_of(uri: str) -> Host:
    """The host behind a tracking URI.

    Raises
    ------
    ReplicationError
        If it cannot be found out.
    """
    if is_databricks(uri):
        uri = _databricks(uri)[0]
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ReplicationError(f"{without_credentials(uri)!r} is no address of a server")
    return Host(parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"))


def headers_for(uri: str) -> dict[str, str]:
    """The headers that say who we are; read anew each time, since tokens expire."""
    if is_databricks(uri):
        return _databricks(uri)[1]
    parts = urlsplit(uri)
    if parts.username:
        return _basic(unquote(parts.username), unquote(parts.password or ""))
    if os.environ.get("MLFLOW_TRACKING_AUTH") or _is_set("MLFLOW_TRACKING_AWS_SIGV4"):
        raise ReplicationError(
            "MLFLOW_TRACKING_AUTH and MLFLOW_TRACKING_AWS_SIGV4 are not understood; give a token "
            "(MLFLOW_TRACKING_TOKEN), or name and password"
        )
    name, password = _name_and_password()
    # As MLflow has it: a name and a password come before a token.
    if name and password:
        return _basic(name, password)
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    return _from_netrc(parts.hostname or "")


def tls_context() -> ssl.SSLContext:
    """What certificates are trusted, and which is shown."""
    bundle = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or os.environ.get(
        "REQUESTS_CA_BUNDLE"
    )
    context = ssl.create_default_context(
        cafile=bundle if bundle and os.path.isfile(bundle) else None,
        capath=bundle if bundle and os.path.isdir(bundle) else None,
    )
    if _is_set("MLFLOW_TRACKING_INSECURE_TLS"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if shown := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        context.load_cert_chain(shown)
    return context


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in _TRUE


def _basic(name: str, password: str) -> dict[str, str]:
    word = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {word}"}


def _name_and_password() -> tuple[str | None, str | None]:
    kept = configparser.ConfigParser(interpolation=None)
    with suppress(configparser.Error, OSError, UnicodeError):
        kept.read(Path("~/.mlflow/credentials").expanduser())
    section = kept["mlflow"] if kept.has_section("mlflow") else {}
    return (
        os.environ.get("MLFLOW_TRACKING_USERNAME") or section.get("mlflow_tracking_username"),
        os.environ.get("MLFLOW_TRACKING_PASSWORD") or section.get("mlflow_tracking_password"),
    )


def _from_netrc(host: str) -> dict[str, str]:
    named = os.environ.get("NETRC")
    for file in [named] if named else ["~/.netrc", "~/_netrc"]:
        with suppress(netrc.NetrcParseError, OSError, RuntimeError):
            found = netrc.netrc(os.path.expanduser(file)).authenticators(host)
            if found is not None:
                return _basic(found[0] or found[1] or "", found[2] or "")
    return {}


def _databricks(uri: str) -> tuple[str, dict[str, str]]:
    """Host and headers of a workspace, as MLflow finds them."""
    try:
        from mlflow.utils.databricks_utils import get_databricks_host_creds
    except ImportError as error:
        raise ReplicationError(f"a tracking URI of Databricks' {_BY_SKINNY}") from error
    try:
        found = get_databricks_host_creds(uri)  # type: ignore[no-untyped-call]
        if found.token:
            return found.host, {"Authorization": f"Bearer {found.token}"}
        if found.username:
            return found.host, _basic(found.username, found.password or "")
        from databricks.sdk import WorkspaceClient

        config = WorkspaceClient(profile=found.databricks_auth_profile).config
        return config.host, dict(config.authenticate())
    except Exception as error:  # noqa: BLE001 - what it says may hold a secret
        # What it says may hold parts of a configuration.
        raise ReplicationError(
            f"no credentials of Databricks' were found for {uri!r} ({type(error).__name__})"
        ) from None
