"""Code blocks: their frame, and their highlighting in slices."""

import re
from collections.abc import Generator
from functools import lru_cache
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

from app.core.markdown.clean import sanitise

_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,30}")
#: Longer code stays plain, so does code with a longer line or more blank lines in a row: there,
#: many lexers take a time that grows with the square.
_LIMIT, _LINE_LIMIT, _BLANK_LIMIT = 200_000, 2_000, 100
#: Characters of code in a slice; about 2 ms.
_SLICE = 1_500

#: What ends a code block; what starts one is ``head``.
TAIL = "</code></pre></div>"


def language(info: str) -> str:
    """Take the language from a fence's info string; empty where it is no plain word."""
    name = (info.split() or [""])[0]
    return name if _LANGUAGE.fullmatch(name) else ""


def head(name: str) -> str:
    """Open a code block: a bar with its language and the copy button's place, then the code."""
    bar = f'<span class="code__language">{escape(name or "text")}</span><span class="code__copy"></span>'
    return f'<div class="code" dir="ltr"><div class="code__bar">{bar}</div><pre tabindex="0"><code>'


def highlight(code: str, name: str) -> Generator[None, None, str]:
    """Highlight code, pausing between slices; give nothing where the language is unknown or the code too long."""
    lexer = _lexer(name.lower()) if name and code else None
    if lexer is None or not _is_usual(code):
        return ""
    slices: list[str] = []
    spans: list[str] = []
    size = 0
    for kind, value in lexer.get_tokens(code):
        if size >= _SLICE:
            slices.append(sanitise("".join(spans)))
            spans, size = [], 0
            yield
        spans.append(_span(kind, escape(value, quote=False)))
        size += len(value)
    return "".join(slices) + sanitise("".join(spans))


def _is_usual(code: str) -> bool:
    """Say whether a lexer will take a time in proportion to the code's length."""
    if len(code) > _LIMIT:
        return False
    blank = 0
    for line in code.split("\n"):
        blank = 0 if line.strip() else blank + 1
        if len(line) > _LINE_LIMIT or blank > _BLANK_LIMIT:
            return False
    return True


def _span(kind: _TokenType, html: str) -> str:
    name = _class(kind)
    return f'<span class="{name}">{html}</span>' if name and not html.isspace() else html


@lru_cache(maxsize=512)
def _class(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    return STANDARD_TYPES.get(kind, "")


@lru_cache(maxsize=64)
def _lexer(name: str) -> Lexer | None:
    try:
        return get_lexer_by_name(name, stripnl=False)
    except ClassNotFound:
        return None
