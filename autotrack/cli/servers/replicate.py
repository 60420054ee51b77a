"""`autotrack replicate`: the store, sent to an MLflow server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.printing import json_option, say, say_json
from autotrack.cli.tables import moment
from autotrack.settings import Settings

if TYPE_CHECKING:
    from autotrack.replication.replicator import Status

_VARIABLE = "AUTOTRACK_REPLICATE_TO"


@main.command()
@click.option("--to", "uri", metavar="URI", help=f"Tracking URI of the server (else {_VARIABLE}).")
@click.option("--watch", is_flag=True, help="Go on as runs are recorded, until interrupted.")
@click.option("--status", is_flag=True, help="Say what is still to send and what was refused.")
@click.option("--again", is_flag=True, help="Send what was refused once more.")
@json_option
@store_option
@click.pass_context
def replicate(
    context: click.Context,
    uri: str | None,
    watch: bool,
    status: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Send the store to an MLflow server: what it does not have yet, each thing once.

    Credentials are taken from where MLflow takes them: MLFLOW_TRACKING_USERNAME, _PASSWORD and
    _TOKEN, ~/.mlflow/credentials, ~/.netrc. Ends with 1 if something could not be sent.

    \b
    Examples:
      autotrack replicate --to https://mlflow.example.org
      autotrack replicate --status
    """
    from autotrack.replication.replicator import Replicator
    from autotrack.replication.wire.answers import UnavailableError

    store = existing_store()
    target = uri or Settings.resolve().replicate_to
    if status:
        _tell_status(store.root, target, as_json)
        return
    if target is None:
        raise click.UsageError(f"name the server: --to URI, or {_VARIABLE}")
    made = Replicator(store.root, target)
    if not watch and not made.acquire():
        raise click.ClickException(
            f"another process sends this store to {made.ledger.target} just now; "
            "autotrack replicate --status says how far it is"
        )
    try:
        made.look()
        if again:
            made.retry_parked()
        made.keep_sending(watch=watch)
    except UnavailableError as error:
        if not as_json:
            _tell(made.status())
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        pass
    finally:
        made.stop.set()
    ended = made.status()
    made.close()
    if as_json:
        say_json(ended)
    else:
        _tell(ended)
    context.exit(1 if ended.to_send or ended.parked else 0)


def _tell_status(root: Path, target: str | None, as_json: bool) -> None:
    from autotrack.replication.ledger import ledgers
    from autotrack.replication.replicator import Replicator

    found = []
    for each in [target] if target else [ledger.target for ledger in ledgers(root)]:
        made = Replicator(root, each)
        found.append(made.status())
        made.close()
    if as_json:
        say_json(found)
        return
    if not found:
        say("This store was never sent anywhere: autotrack replicate --to URI")
    for status in found:
        _tell(status)


def _tell(status: Status) -> None:
    line = "everything is sent"
    if status.to_send:
        line = f"{status.to_send} run{'s' if status.to_send > 1 else ''} still to send"
    if status.sent is not None:
        line += f"; last sent {moment(datetime.fromtimestamp(status.sent, UTC))}"
    say(f"{status.target}: {line}")
    if status.trouble and status.to_send:
        say(f"  in trouble: {status.trouble}")
    for what, reason in status.parked.items():
        say(f"  not sent: {what}: {reason}")
