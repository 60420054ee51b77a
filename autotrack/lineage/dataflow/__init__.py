"""What an expression in the user's code is made of: which predictions, and by which operations.

An expression is followed from the call it is an argument of: names to their definitions, parameters
to the caller's arguments, helpers into their bodies, containers to what was put into them. Whatever
belongs to the family in :mod:`autotrack.lineage.values.operations` is computed again from the
predictions. Nothing of the user's is called.
"""

from __future__ import annotations

from autotrack.lineage.dataflow.arguments import Dataflow
from autotrack.lineage.dataflow.flow import Flow

__all__ = ["Dataflow", "Flow"]
