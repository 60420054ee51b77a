"""Command lines without their secrets.

Two things give a secret away: the name that it stands behind (an option, a header, a key of JSON,
of a URL's query or of a connection string), and its own form. In doubt it is masked: a number that
cannot be read later costs less than a password that can.
"""

# Long because the names and forms of secrets are many, and one list is read beside the other.

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from autotrack.runtime.patterns import pattern

#: What replaces a secret.
MASK = "***"
# So many characters of an argument are looked at; a longer one is masked.
_LONGEST = 20_000

# Words of a name that make its value one.
_WORDS = frozenset(
    "password passwd passphrase passcode pswd psw pwd pw pass pin otp totp psk secret secrets "
    "credential credentials cred creds token apikey apikeys accesskey authorization auth bearer "
    "jwt pat sas sig signature cookie cookies webhook webhooks sessionid dsn "
    "connectionstring connstr passwords apitoken oauth hmac mfa totps passkey keyphrase mnemonic "
    "pwrd passwort kennwort contrasena phpsessid pem salt motdepasse senha parola haslo heslo "
    "wachtwoord losenord salasana".split()
)
# ... wherever in a word they are, since names are also written as one word.
_PARTS = pattern(
    r"passw(?:or|r)?d|passphrase|secret(?!ar)|credential|pw$|(?:api|auth|access|account|client|crypt|decryption|"
    r"encryption|master|private|secret|shared|signing|storage|subscription)_?keys?|webhook|"
    r"connectionstring|token$|pwd$|(?<!by)(?<!com)(?<!low)(?<!high)(?<!band)(?<!tres)pass$"
)
# In other alphabets.
_ELSEWHERE = ("пароль", "密码", "密碼", "口令", "パスワード", "비밀번호", "암호", "κωδικος",
              "סיסמה")  # fmt: skip
# Two words that make one of the above.
_PAIRS = frozenset({("connection", "string"), ("conn", "str"), ("conn", "string"),
                    ("session", "id"), ("seed", "phrase"), ("key", "phrase"), ("pass", "key"),
                    ("recovery", "code"), ("backup", "code"), ("mfa", "code"),
                    ("access", "code"), ("auth", "code"), ("security", "code"),
                    ("verification", "code"), ("de", "passe")})  # fmt: skip
# At the end of a name these say that something about a secret is meant, or where it is.
_ABOUT = frozenset(
    "column columns col cols field fields file files path dir folder name names length len size "
    "type kind method mode policy count limit rate ratio env var variable format index ttl timeout "
    "through expiry algorithm hash memory".split()
)
# At the beginning they make a switch of it, which takes no value.
_SWITCHES = frozenset("no skip without disable require ignore has is show hide check".split())
# What a key may be of that is no secret.
_PLAIN_KEYS = frozenset(
    "sort primary foreign group grouping partition row join index merge cache order dict metric "
    "param hash range natural surrogate target".split()
)
_LISTS = frozenset("secrets credentials creds passwords keys apikeys cookies webhooks".split())
# Short words that have other meanings too: alone, and with a number, they are left.
_AMBIGUOUS = frozenset("pass key sig signature pat sas auth pin".split())
_USERS = frozenset("u user username login userpwd userpass basic".split())
_PLAIN_HEADERS = frozenset(
    "accept accept-charset accept-encoding accept-language cache-control connection "
    "content-encoding content-language content-length content-type date expect host if-match "
    "if-modified-since if-none-match origin pragma range referer user-agent".split()
)

# Keys of a pair of a name and its value.
_NAMES, _VALUES = frozenset({"name", "key"}), frozenset({"value", "val"})

_WORD = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_OPTION = pattern(r"(?:-{1,2}|\+{1,2}|/)?(?=[^\W\d])[\w.\-]++")
_NAME = pattern(r"(?<![\w.\-])(?P<name>[\w.\-]++)[\"'\]]{0,2}\s*+[=:]\s*+")
_LONG_OPTION = pattern(r"--[a-z]+(?:[-_][a-z0-9]+)*(?:=.*)?", re.DOTALL)
_NUMBER = pattern(r"[+-]?\d{1,6}(?:\.\d*)?(?:[eE][+-]?\d+)?")
# What ends a value without quotes: the next name and its value, or the end.
_NEXT = pattern(
    r"[,;&]\s*+[\"'{]{0,2}[\w.\-][\w.\- ]*+[\"']?\s*+[=:]|;\s*+$|\s++[\w.\-]++=|[\s}\])]*+$"
)
_SCHEME = pattern(r"(?:bearer|basic|digest|negotiate|token|apikey)\s+", re.IGNORECASE)
# An option in a text that is a command line, with its value.
_INNER = pattern(
    r"(?<!\S)(?P<name>-{1,2}[A-Za-z][\w.\-]*+)(?P<blank>[ \t]++)"
    r"(?P<value>\"[^\"]++\"|'[^']++'|[^\s\"']\S*+)"
)
_DRIVE = pattern(r"[A-Za-z]:[\\/]")
_UNQUOTED = pattern(r"[^\s\"'(<]++")
_ASSIGNED = pattern(r"[\w.\-]++=")
_URL = pattern(r"https?://[^\s\"']++", re.IGNORECASE)
# What a login by another site, or a cloud's function, is called with.
_CODE = pattern(r"(?<=[?&]code=)[^&#\s]++(?=[&#]|$)")
# Where in a URL the secret part of a webhook's path begins.
_HOOK = pattern(
    r"://(?:[\w\-]++\.)*?hooks?\.[^/]++/"
    r"|/(?:(?:web)?hooks?(?:\.\w+)?|key|token|secret|password|apikey)/",
    re.IGNORECASE,
)
#: Texts that are secrets wherever they stand in an argument.
_SHAPES = pattern(
    r"(?P<scheme>\bbearer\s+)[\w\-.=+/~]+"
    # tokens that well-known services mark as theirs, and JSON web tokens
    r"|\b(?:gh[pousr]_|github_pat_|gl[a-z]{2,4}-|hf_|sk-|[sr]k_(?:live|test)_|xox[abeprs]-|xapp-|dapi"
    r"|npm_|pypi-|dop_v1_|ya29\.)[\w\-]{16,}"
    r"|\bAIza[\w\-]{30,}|\bSG\.[\w\-]{16,}\.[\w\-]{16,}|\bbot\d{6,}:[\w\-]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\beyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
    re.IGNORECASE | re.DOTALL,
)
# Random letters of both cases and digits, longer than people make up; a digest has one case.
_RANDOM = pattern(
    r"(?<![\w/.\-])(?=[A-Za-z]*\d)(?=[A-Z\d]*[a-z])(?=[a-z\d]*[A-Z])[A-Za-z\d]{32,}(?![\w/.\-])"
)


def masked(command: Sequence[str]) -> tuple[str, ...]:
    """Hide what looks like a secret in a command line.

    Parameters
    ----------
    command : sequence of str
        The arguments.

    Returns
    -------
    tuple of str
        The same, with whatever stands behind a name like a password's, a token's or a key's
        replaced, and whatever has the form of a login, a connection string or a token.
    """
    shown: list[str] = []
    option = ""
    for argument in command:
        # What looks like a long option is one, and no password that begins with two dashes.
        if option and not _LONG_OPTION.fullmatch(argument):
            shown.append(_value(option, argument))
            if not _takes_several(option):
                option = ""
        else:
            shown.append(_argument(argument))
            option = argument if _takes_value(argument) else ""
    return tuple(shown)


def _takes_value(text: str) -> bool:
    """Whether it is an option whose value, the next word, is to be looked at for its sake."""
    if not text.startswith("-") or not _OPTION.fullmatch(text):
        return False
    return text == "-p" or _names_a_secret(text) or _is_header(text) or _is_user(text)


def _takes_several(option: str) -> bool:
    return not _LISTS.isdisjoint(_words(option)[-1:])


def _argument(text: str) -> str:
    """An argument that stands for itself: a word, an option, or an option with its value."""
    if len(text) > _LONGEST:
        return f"{MASK} ({len(text)} characters)"
    if text[:2] in ("-u", "-U") and ":" in text[2:]:
        return f"{text[:2]}{_value(text[:2], text[2:])}"
    option = _OPTION.match(text)
    if option and option.end() < len(text) and text[option.end()] in "=:":
        name, mark, value = option[0], text[option.end()], text[option.end() + 1 :]
        # A URL's scheme is no name.
        if not (mark == ":" and (value.startswith("//") or text.startswith("models:/"))):
            return f"{name}{mark}{_value(name, value)}"
    if text.startswith("-p") or (text.startswith("-H") and ":" in text):
        return f"{text[:2]}{_value(text[:2], text[2:])}"
    return _text(text)


def _value(name: str, value: str) -> str:
    """The value of an option."""
    if not value:
        return value
    if len(value) > _LONGEST:
        return f"{MASK} ({len(value)} characters)"
    if name == "-p" or _names_a_secret(name):
        if _is_plain_number(name, value):
            return value
        scheme = _SCHEME.match(value)
        return f"{scheme[0]}{MASK}" if scheme else MASK
    if _is_header(name):
        return _header(value)
    if _is_user(name) and ":" in value and "://" not in value and not _DRIVE.match(value):
        return f"{value.partition(':')[0]}:{MASK}" if "@" not in value.partition(":")[0] else MASK
    return _text(value)


def _is_plain_number(name: str, value: str) -> bool:
    if name == "-p":  # a port
        return value.isdigit() and int(value[:6]) < 1 << 16
    words = _words(name)
    return len(words) == 1 and words[0] in _AMBIGUOUS and _NUMBER.fullmatch(value) is not None


def _is_header(name: str) -> bool:
    return name == "-H" or _words(name)[-1:] in (["header"], ["headers"])


def _is_user(name: str) -> bool:
    return name in ("-u", "-U") or not _USERS.isdisjoint(_words(name)[-1:])


def _header(text: str) -> str:
    name, mark, value = text.partition(":" if ":" in text else "=")
    if text.lstrip()[:1] in "{[":
        return _text(text)
    if not mark or name.strip().lower() in _PLAIN_HEADERS:
        return _text(text)
    blank = value[: len(value) - len(value.lstrip())]
    scheme = _SCHEME.match(value.lstrip())
    return f"{name}{mark}{blank}{scheme[0] if scheme else ''}{MASK}"


def _text(text: str) -> str:
    """Any text, with the secrets in it masked."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            held = json.loads(text)
            told = _json(held)
            return text if told == held else json.dumps(told, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass  # of Python or YAML, or none at all
    text = _INNER.sub(_without_option, text)
    text = _RANDOM.sub(MASK, _SHAPES.sub(_masked_shape, text))
    text = _URL.sub(_without_hook, text)
    return _without_logins(_without_named(text))


def _json(held: Any) -> Any:
    if isinstance(held, dict):
        named = _names_value(held)
        return {
            key: MASK
            if (_names_a_secret(key) or (named and key.lower() in _VALUES))
            and not (named and key.lower() in _NAMES)
            and each not in (None, "", True, False)
            else _json(each)
            for key, each in held.items()
        }
    if isinstance(held, list):
        if any(isinstance(each, str) and each.startswith("-") for each in held):
            # A command line, which may be of more than texts.
            return [
                told if isinstance(each, str) else _json(each)
                for each, told in zip(held, masked(list(map(str, held))), strict=True)
            ]
        return [_json(each) for each in held]
    return _text(held) if isinstance(held, str) else held


def _names_value(held: Mapping[str, Any]) -> bool:
    """Whether it is a pair of a secret's name and its value, as ``{"name": ..., "value": ...}``."""
    return any(
        key.lower() in _NAMES and isinstance(each, str) and _names_a_secret(each)
        for key, each in held.items()
    )


def _without_option(match: re.Match[str]) -> str:
    """An option and its value in a text that holds a command line."""
    name, blank, value = match["name"], match["blank"], match["value"]
    quote = value[0] if value[0] in "\"'" else ""
    bare = value.strip(quote) if quote else value
    if not _takes_value(name) or (not quote and _LONG_OPTION.fullmatch(bare)):
        return match[0]
    return f"{name}{blank}{quote}{_value(name, bare)}{quote}"


def _without_hook(match: re.Match[str]) -> str:
    url = _CODE.sub(_without_code, match[0])
    hook = _HOOK.search(url)
    return url if hook is None or hook.end() == len(url) else f"{url[: hook.end()]}{MASK}"


def _without_code(match: re.Match[str]) -> str:
    return match[0] if _NUMBER.fullmatch(match[0]) else MASK


def _masked_shape(match: re.Match[str]) -> str:
    return (match["scheme"] or "") + MASK


def _without_named(text: str) -> str:
    """`text` with what stands behind a secret's name masked, as in ``a=1;Password=a b;c=2``."""
    parts, done, at = [], 0, 0
    while (found := _NAME.search(text, at)) is not None:
        at = found.end()
        if not _names_a_secret(found["name"]) or text.startswith("//", at):
            continue
        scheme = _SCHEME.match(text, at)
        start = scheme.end() if scheme else at
        quote = text[start : start + 1]
        if quote and quote in "\"'":
            start += 1
            end = _closing(text, start, quote)
        else:
            end = _end_of_value(text, start)
        if start < end:
            parts += [text[done:start], MASK]
            done = at = end
    return "".join([*parts, text[done:]])


def _closing(text: str, start: int, quote: str) -> int:
    """Where the text between quotes ends that begins at `start`."""
    at = start
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))


def _end_of_value(text: str, start: int) -> int:
    found = _NEXT.search(text, start)
    return found.start() if found else len(text)


def _without_logins(text: str) -> str:
    """`text` without what stands before an ``@``: who logs in, and with what."""
    last = text.rfind("@")
    scheme = text.find("://", 0, max(last, 0))
    if scheme >= 0:  # whose password may hold anything
        return f"{text[: scheme + 3]}{MASK}{text[last:]}"
    return text if last < 0 else _UNQUOTED.sub(_without_login, text)


def _without_login(match: re.Match[str]) -> str:
    word = match[0]
    last = word.rfind("@")
    name = _ASSIGNED.match(word)
    start = name.end() if name else 0
    if last <= start or word.startswith("models:/", start):
        return word
    return f"{word[:start]}{MASK}{word[last:]}"


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_without_accents(name))]


def _without_accents(name: str) -> str:
    if name.isascii():
        return name
    parts = unicodedata.normalize("NFKD", name)
    return "".join(part for part in parts if not unicodedata.combining(part)).replace("ł", "l")


def _names_a_secret(name: str) -> bool:
    words = _words(name)
    if not name.isascii() and any(
        _without_accents(word) in _without_accents(name).lower() for word in _ELSEWHERE
    ):
        return True
    if not words or words[-1] in _ABOUT or words[0] in _SWITCHES:
        return False
    if not _WORDS.isdisjoint(words) or any(_PARTS.search(word) for word in words):
        return True
    if any(pair in _PAIRS for pair in pairwise(words)):
        return True
    if words[-1] == "key":
        return _PLAIN_KEYS.isdisjoint(words)
    return words[-1] == "keys" and len(words) > 1 and bool(_PARTS.search("".join(words)))
