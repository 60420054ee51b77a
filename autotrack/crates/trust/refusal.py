"""What is said of a crate that nobody answers for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotrack.crates.manifest import FILE_NAME, Manifest
from autotrack.crates.manifest_check import shown
from autotrack.crates.trust.scanner import Contents
from autotrack.crates.trust.trust import Origin
from autotrack.errors import UntrustedCrateError

if TYPE_CHECKING:
    from autotrack.crates.load import Looked

_SHOWN = 12


def pickle_refused(
    path: Path, manifest: Manifest, origin: Origin, found: Contents
) -> UntrustedCrateError:
    """The error for a pickle."""
    lines = [
        f"{shown(path)} is a pickle that the store in use did not pack. Opening a pickle runs "
        "whatever is in it, so it was not opened.",
        *_described(manifest, origin, found),
        "If you know where it comes from:",
        f'  trust="{origin.model}" opens exactly these bytes',
        "  trust=True opens whatever is there",
        "Or ask whoever made it for one that skops stored, which needs no trust where all its "
        "types are known: autotrack crate convert",
    ]
    names = sorted(".".join(name) for name in found.names)
    return UntrustedCrateError("\n".join(lines), names, digests_of(manifest, origin))


def skops_refused(
    path: Path,
    manifest: Manifest,
    origin: Origin,
    asked: Sequence[str],
    *,
    too_large: bool = False,
) -> UntrustedCrateError:
    """The error for a model that skops stored."""
    why = (
        "is larger than what is opened from anybody"
        if too_large
        else f"holds types that skops does not trust by itself: {_listed(asked)}"
    )
    # Longer lists are not to be pasted unread.
    few = ", ".join(f'"{shown(name, 80)}"' for name in asked[:_SHOWN])
    few += ", ..." if len(asked) > _SHOWN else ""
    lines = [
        f"{shown(path)} {why}. The store in use did not pack it, so it was not opened.",
        *_facts(manifest, origin),
        "If you know where it comes from:",
        *([f"  trust=[{few}] lets these in"] if few else []),
        f'  trust="{origin.model}" opens exactly these bytes',
        "  trust=True opens whatever is there",
    ]
    return UntrustedCrateError("\n".join(lines), list(asked), digests_of(manifest, origin))


def repacked_refused(what: str) -> UntrustedCrateError:
    """The error for what came out of such a crate, and is to be packed again."""
    return UntrustedCrateError(
        f"{what} comes from a crate that the store in use did not pack, and packed again the store "
        "would vouch for it. If you know where it comes from, pass trust=True (to log_model or "
        "register_model; or load the crate with it first)",
        [],
    )


def requirements_refused(manifest: Manifest, origin: Origin) -> UntrustedCrateError:
    """The error for an environment that is to hold what a stranger names."""
    return UntrustedCrateError(
        f"verify(env=True) would install and run {_listed(manifest.requirements)}, which a crate "
        "names that the store in use did not pack. If you know where it comes from, load it with "
        f'trust=True or trust="{origin.model}"; without env=True it is asked here',
        [],
        digests_of(manifest, origin),
    )


def digests_of(manifest: Manifest, origin: Origin) -> dict[str, str]:
    """The SHA-256 of a crate's files by name."""
    return {manifest.model_file: origin.model, FILE_NAME: origin.manifest}


def described(found: Looked) -> list[str]:
    """What is known of a crate without opening it, a line each."""
    if found.manifest.storage == "skops":
        return _facts(found.manifest, found.origin)
    return _described(found.manifest, found.origin, found.contents)


def opens(found: Looked) -> list[str]:
    """Whether a crate would be opened here, and how."""
    origin = found.origin
    if origin.is_vouched:
        return ["The store in use packed it: load_model opens it."]
    if found.opens:
        return ["skops stored it and trusts all its types: load_model opens it."]
    names = ", ".join(f'"{shown(name, 80)}"' for name in found.refused)
    return [
        "The store in use did not pack it. If you know where it comes from, load_model opens it by",
        *([f"  trust=[{names}]"] if names else []),
        f'  trust="{origin.model}" (exactly these bytes), or',
        "  trust=True (whatever is there).",
    ]


def _described(manifest: Manifest, origin: Origin, found: Contents) -> list[str]:
    packages = _listed(found.packages) or "nothing"
    lines = [f"  would import   {packages}: {_listed(sorted('.'.join(n) for n in found.names))}"]
    if found.has_code:
        says = f"; it says of {_listed(manifest.code)}" if manifest.code else ""
        lines.append(f"  carries code   functions or classes of its own{says}")
    if found.unread:
        lines.append(f"  not all of it  {shown(found.unread)}; there may be more")
    return [*lines, *_facts(manifest, origin)]


def _facts(manifest: Manifest, origin: Origin) -> list[str]:
    digests = digests_of(manifest, origin)
    says = f"{shown(manifest.estimator, 120)}, packed {shown(manifest.created, 40)}"
    says += f" by autotrack {shown(manifest.autotrack, 40)}"
    if manifest.run_id:
        says += f" in run {shown(manifest.run_id, 60)}"
    return [
        *(f"  SHA-256        {digest} {name}" for name, digest in digests.items()),
        f"  says it is     {says}",
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown(name, 80) for name in names[:_SHOWN]) + more
