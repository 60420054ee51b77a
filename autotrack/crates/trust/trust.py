"""The word of a caller for a crate that the store in use does not vouch for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autotrack.errors import InvalidValueError
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

#: What callers give: True, the SHA-256 of what they trust, or names that a skops file may hold.
Word = bool | str | Sequence[str]
#: Whether the packer of a store wrote the file of this SHA-256.
Vouches = Callable[[str], bool]

_SHA256 = pattern(r"[0-9a-fA-F]{64}")
_NAME = pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


@dataclass(frozen=True, slots=True)
class Trust:
    """What a caller answers for.

    Attributes
    ----------
    everything : bool
        Whatever there is.
    digests : frozenset of str
        Files of these SHA-256, and no others.
    names : frozenset of str
        Types and functions in full, in what is stored without pickle.
    """

    everything: bool = False
    digests: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def covers(self, *digests: str) -> bool:
        """Whether a crate with a file of one of these digests is trusted as a whole."""
        return self.everything or not self.digests.isdisjoint(digests)

    def __bool__(self) -> bool:
        return self.everything or bool(self.digests or self.names)


def as_trust(word: Word | Trust | None) -> Trust:
    """What a caller gave as `trust`.

    Raises
    ------
    InvalidValueError
        If it is neither True or False, nor a SHA-256, nor names.
    """
    if isinstance(word, Trust):
        return word
    if word is None or isinstance(word, bool):
        return Trust(everything=bool(word))
    try:
        given: tuple[Any, ...] = (word,) if isinstance(word, str) else tuple(word)
    except TypeError:
        given = (word,)
    for each in given:
        if not isinstance(each, str) or not (_SHA256.fullmatch(each) or _NAME.fullmatch(each)):
            raise InvalidValueError(
                "trust= takes True, the SHA-256 of a crate's model, or the names of what a skops "
                f"file may hold, as 'my_package.models.Thing', not {each!r:.80}"
            )
    digests = frozenset(each.lower() for each in given if _SHA256.fullmatch(each))
    names = frozenset(each for each in given if not _SHA256.fullmatch(each))
    return Trust(digests=digests, names=names)


def nobody(digest: str) -> bool:
    """Nobody vouches for a file."""
    return False


def just_packed(digest: str) -> bool:
    """A file that this process has just packed into a folder of its own."""
    return True


#: Digests of what this process packed and put into no store.
packed_here: set[str] = set()


@dataclass(frozen=True, slots=True)
class Origin:
    """Why a crate was opened.

    Attributes
    ----------
    model, manifest : str
        SHA-256 of its files.
    is_vouched : bool
        The packer of the store in use, or this process, wrote the file of the model.
    is_recorded : bool
        So it did its manifest.
    is_trusted : bool
        Its caller answered for all of it.
    names : frozenset of str
        Types in it that its caller answered for.
    """

    model: str
    manifest: str
    is_vouched: bool
    is_recorded: bool
    is_trusted: bool
    names: frozenset[str] = frozenset()

    def is_covered(self, trust: Trust) -> bool:
        """Whether it may become the store's own."""
        return self.is_vouched or trust.covers(self.model, self.manifest)
