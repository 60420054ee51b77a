"""A store, sent to an MLflow server as it grows: exactly once in effect, and never waited for.

**What changed** is noted by the store itself, by triggers that exist only once somebody replicates
(``store/tables/changes.py``). **What was sent** stands in a ledger beside the store, a SQLite file
for each target (:mod:`~autotrack.replication.ledger`): the runs still to send, what the server
calls those it has, and what of each it was sent. It is a file of its own so that a sender never
holds the lock that a training waits for. One process sends to a target at a time, by a lock that
the operating system drops when the process ends; another one that would send waits for it.

**A run** (:mod:`~autotrack.replication.send_runs`) is read as it is now and compared with what was
sent; the difference goes out in batches that may be sent twice: params, metrics, tags and inputs of
the same values change nothing. What may not be sent twice is a creation: the server gives a new
run, logged model or version each time. So the ledger says that one is about to be made before it
is, our own id travels as a tag inside of the call, and before any second try the server is asked
for that tag. Where the server was slow, a second one may still appear after it was asked for: what
was in doubt is asked for once more later, and all but one are deleted.

**Equal.** The server holds what the store holds, except that: ids of runs and models, and the times
at which models and versions were made, are the server's own; numbers of versions may have gaps; an
infinite metric is 1.797e308 there, and the tag ``autotrack.infinite_metrics`` has it; times have
milliseconds; texts longer than the server takes are cut, and whole in an artifact under
``autotrack/long/``; keys that it refuses are renamed, with the original in the tag
``autotrack.key.<renamed>``; params and metrics cannot be changed or removed there, so that the tags
``autotrack.replaced_params``, ``autotrack.replaced_metrics`` (such as the best score of a search
that was still running) and ``autotrack.gone_metrics`` say what has become of them; runs of a
deleted experiment count as deleted there. Files that a run no longer has stay there. Warnings of
single splits, and the texts of code, stay in the store. ``tests/replication/comparing.py`` compares
by this.

**What is refused for good** is written down with the reason (*parked*) and sent again when it
changes or is asked for; everything else goes on. What fails for now is tried again, with waits that
double, at random, or as long as the server says.

**Transport** is plain HTTP of the standard library, so that neither MLflow's session, which hangs
for minutes, nor its import of a second is in the training process. Credentials are found as MLflow
finds them, at each connection anew, and are neither stored nor logged. For other tracking URIs
MLflow itself answers, within the process (:mod:`~autotrack.replication.wire.in_process`).
"""
