"""Inline Markdown to sanitised HTML, through markdown-it with the rules in which Rill differs."""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from app.core.markdown.clean import sanitise
from app.core.markdown.math import mathml

#: Text of these characters alone is the same before and after parsing, escaping and sanitising.
_PLAIN = re.compile(r"(?!.*www\.)[^\\`*_~\[\]!<>&$:@\n\r\0\xa0]*")
#: A digit needs no definition to be a footnote, because definitions come last.
_FOOTNOTE = re.compile(r"\[\^([^\]\s\[^]{1,30})\]")
_BRACKETS = re.compile(r"\[((?:\\.|[^\[\]\\]){1,200})\]", re.S)
#: Over this many characters that may be markup, parsing gets slow, and text that is no prose is likely.
_MARKUP_LIMIT = 300


class References:
    """What links and footnotes refer to; ``late`` once something was defined that had been used before."""

    def __init__(self) -> None:
        self.env: dict[str, dict[str, dict[str, str]]] = {"references": {}, "footnotes": {}}
        self.late = False
        self._used: set[str] = set()

    def take(self, paragraph: str) -> str:
        """Take the link reference definitions from the start of a paragraph, and give what is left of it."""
        before = set(self.env["references"])
        tokens = _definitions().parse(paragraph, self.env)
        self._check(set(self.env["references"]) - before)
        return next((token.content for token in tokens if token.type == "inline"), "")

    def define_footnote(self, label: str) -> None:
        """Remember that a footnote exists."""
        if label not in self.env["footnotes"]:
            self.env["footnotes"][label] = {}
            self._check({normalizeReference(f"^{label}")} - {normalizeReference(f"^{n}") for n in _digits(label)})

    def note_use(self, text: str) -> None:
        """Remember which labels a text may have used."""
        if "[" in text:
            self._used.update(normalizeReference(label) for label in _BRACKETS.findall(text))

    def _check(self, labels: set[str]) -> None:
        self.late |= bool(labels & self._used)


def _digits(label: str) -> list[str]:
    return [label] if label.isdigit() else []


def is_too_much(text: str) -> bool:
    """Say whether a text has so much of what may be markup that it is shown as it is."""
    return len(text) > _MARKUP_LIMIT and sum(map(text.count, "[]*_`$!<")) > _MARKUP_LIMIT


def to_html(text: str, references: References) -> str:
    """Render inline Markdown as sanitised HTML."""
    if _PLAIN.fullmatch(text):
        return text
    html: str = _parser().renderInline(text, references.env)
    return sanitise(html)


@lru_cache(maxsize=1)
def _definitions() -> MarkdownIt:
    parser = MarkdownIt("zero").enable("reference")
    parser.validateLink = is_safe_link  # type: ignore[method-assign]  # the documented way to set it
    return parser


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return make_parser()


def make_parser() -> MarkdownIt:
    """Make a markdown-it with Rill's inline rules."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    parser.enable("strikethrough")
    parser.use(gfm_autolink_plugin)
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True)
    parser.add_render_rule("math_inline", _inline_formula)
    parser.add_render_rule("math_inline_double", _display_formula)
    parser.inline.ruler.before("gfm_autolink_protocol", "xmpp", _xmpp)
    parser.inline.ruler.before("escape", "tex", _tex)
    parser.inline.ruler.before("link", "footnote", _footnote)
    parser.validateLink = is_safe_link  # type: ignore[method-assign]  # the documented way to set it
    return parser


def is_safe_link(url: str) -> bool:
    """Say whether a link may be followed: http, https and mailto only."""
    return url.lower().startswith(("http://", "https://", "mailto:"))


def _inline_formula(self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
    return mathml(tokens[idx].content, is_display=False)


def _display_formula(self: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
    return mathml(tokens[idx].content, is_display=True)


def _xmpp(state: StateInline, silent: bool) -> bool:
    """Read the colon of ``xmpp:`` as text: the autolinks would drop the name of a link that may not be followed."""
    if state.src[state.pos] != ":" or not state.src.endswith("xmpp", 0, state.pos):
        return False
    if not silent:
        state.pending += ":"
    state.pos += 1
    return True


def _tex(state: StateInline, silent: bool) -> bool:
    r"""Read ``\(…\)`` and ``\[…\]``, as Claude often writes formulae."""
    opener = state.src[state.pos : state.pos + 2]
    closer = {r"\(": r"\)", r"\[": r"\]"}.get(opener)
    if closer is None:
        return False
    end = state.src.find(closer, state.pos + 2, state.posMax)
    if end < 0 or not state.src[state.pos + 2 : end].strip():
        return False
    if not silent:
        token = state.push("tex", "", 0)
        token.content = state.src[state.pos + 2 : end]
        token.meta = {"is_display": opener == r"\["}
    state.pos = end + 2
    return True


def _footnote(state: StateInline, silent: bool) -> bool:
    match = _FOOTNOTE.match(state.src, state.pos, state.posMax)
    if not match or not (match[1].isdigit() or match[1] in state.env["footnotes"]):
        return False
    if not silent:
        state.push("footnote", "", 0).content = match[1]
    state.pos = match.end()
    return True


class _Renderer(RendererHTML):
    """The rules in which Rill differs from CommonMark's own rendering."""

    def tex(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return mathml(tokens[idx].content, is_display=tokens[idx].meta["is_display"])

    def footnote(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<sup class="footnote__mark">{escape(tokens[idx].content)}</sup>'

    def softbreak(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "\n"

    def hardbreak(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "<br>\n"

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _link(str(tokens[idx].attrGet("href") or ""))

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show an image as a link with its host: nothing remote is ever loaded. Links do not nest."""
        url = str(tokens[idx].attrGet("src") or "")
        label = tokens[idx].content or "image"
        is_in_link = sum(token.nesting for token in tokens[:idx] if token.type.startswith("link_")) > 0
        if is_in_link or not is_safe_link(url):
            return escape(label)
        return f"{_link(url)}{escape(label)} ({escape(_host(url))})</a>"


def _link(url: str) -> str:
    return f'<a href="{escape(url)}" title="{escape(_host(url))}">'


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
