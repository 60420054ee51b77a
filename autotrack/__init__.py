"""scikit-learn autologging that people keep switched on.

``autotrack.enable()`` and everything else is unchanged scikit-learn code: each fit, with its
scores, its data and its fitted model, becomes a run.
"""

from autotrack._version import __version__
from autotrack.crates.crate import Crate
from autotrack.entities import Experiment
from autotrack.errors import *  # noqa: F403 - the error tree is public, and names itself in __all__
from autotrack.errors import __all__ as _errors
from autotrack.session import Session, disable, enable, is_enabled
from autotrack.tracking.experiments import (
    create_experiment,
    delete_experiment,
    get_experiment,
    rename_experiment,
    restore_experiment,
    search_experiments,
    set_experiment,
)
from autotrack.tracking.inputs import param
from autotrack.tracking.lifecycle import (
    active_run,
    delete_run,
    end_run,
    get_run,
    last_run,
    restore_run,
    start_run,
)
from autotrack.tracking.logs import (
    delete_tag,
    log_artifact,
    log_artifacts,
    log_dict,
    log_estimator_params,
    log_figure,
    log_metric,
    log_metrics,
    log_model,
    log_param,
    log_params,
    log_table,
    log_text,
    set_tag,
    set_tags,
)
from autotrack.tracking.reading import (
    best_run,
    diff_runs,
    download_artifact,
    list_artifacts,
    load_model,
    metric_history,
    search_runs,
)
from autotrack.tracking.runs import Run

__all__ = [
    "Crate",
    "Experiment",
    "Run",
    "Session",
    "__version__",
    "active_run",
    "best_run",
    "create_experiment",
    "delete_experiment",
    "delete_run",
    "delete_tag",
    "diff_runs",
    "disable",
    "download_artifact",
    "enable",
    "end_run",
    "get_experiment",
    "get_run",
    "is_enabled",
    "last_run",
    "list_artifacts",
    "load_model",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_estimator_params",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "metric_history",
    "param",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment",
    "set_tag",
    "set_tags",
    "start_run",
    *_errors,
]
