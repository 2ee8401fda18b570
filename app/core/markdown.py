"""Markdown to sanitised HTML, whole (`render`) or as it grows (`Incremental`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from urllib.parse import urlsplit

import nh3
from latex2mathml.converter import convert as tex_to_mathml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_MATHML = set(
    "math mrow mi mn mo ms mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover "
    "mtable mtr mtd mstyle mpadded mphantom menclose mmultiscripts mprescripts none semantics".split()
)
_TAGS = _MATHML | set(
    "p br hr h1 h2 h3 h4 h5 h6 strong em s code pre blockquote ul ol li a div span table thead tbody tr th td".split()
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "math": {"display", "xmlns"},
    "mo": {"stretchy", "fence", "form", "separator", "accent", "movablelimits"},
    "mi": {"mathvariant"},
    "mtd": {"columnalign"},
    "mtable": {"columnalign", "rowspacing", "columnspacing"},
    "mspace": {"width"},
    "mover": {"accent"},
    "mfrac": {"linethickness"},
    "mstyle": {"displaystyle", "scriptlevel"},
    **{tag: {"class", "dir"} for tag in ("p", "span", "code", "ul", "li", "th", "td")},
    "ol": {"class", "start"},
    "pre": {"tabindex"},
    "div": {"class", "dir", "tabindex"},
}
_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,30}")
_HIGHLIGHT_LIMIT = 50_000
_TEX_LIMIT = 2_000


def render(text: str) -> str:
    """Render a whole Markdown text as sanitised HTML."""
    html: str = _parser().render(text)
    return sanitise(html)


def sanitise(html: str) -> str:
    """Keep what is on the allow-list, and nothing else.

    nh3 also writes ``<`` in attribute values as ``&lt;``; htmx 4 rewrites ``<hx-…`` in raw text before it
    parses, so an unescaped one inside an attribute would become markup.
    """
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What a piece of text did: HTML blocks that are final now, and the unfinished end after them."""

    sealed: tuple[str, ...]
    tail: str


class Incremental:
    """Renders Markdown as it grows: blocks before a blank line outside a fence are sealed, once."""

    def __init__(self) -> None:
        self._sealed: list[str] = []
        self._rest = ""
        self._tail = ""

    def feed(self, text: str) -> Change:
        """Add text and say what changed."""
        self._rest += text
        cut = _last_seal(self._rest)
        sealed: tuple[str, ...] = ()
        if cut:
            sealed = (render(self._rest[:cut]),)
            self._sealed.extend(sealed)
            self._rest = self._rest[cut:]
        self._tail = render(self._rest)
        return Change(sealed, self._tail)

    def snapshot(self) -> tuple[str, str]:
        """Give the whole rendering so far: everything sealed, and the tail."""
        return "".join(self._sealed), self._tail


_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def _last_seal(text: str) -> int:
    """Find the end of the last blank line that lies outside a fence; 0 where there is none."""
    fence, offset, cut = "", 0, 0
    for line in text.split("\n")[:-1]:
        offset += len(line) + 1
        match = _FENCE.match(line)
        if match and not fence and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
        elif match and fence and match[1].startswith(fence) and not match[2].strip():
            fence = ""
        elif not fence and not line.strip() and text[:offset].strip():
            cut = offset
    return cut


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return " ".join(name for name in value.split() if _CLASS.fullmatch(name)) or None
    if attribute == "tabindex":
        return "0"
    return value


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True, renderer=_math)
    parser.use(tasklists_plugin)
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]  # the documented way to set it
    return parser


def _is_safe_link(url: str) -> bool:
    return url.lower().startswith(("http://", "https://", "mailto:"))


class _Renderer(RendererHTML):
    """The rules in which Rill differs from CommonMark's own rendering."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        name = (tokens[idx].info.split() or [""])[0]
        return code_block(tokens[idx].content, name if _LANGUAGE.fullmatch(name) else "")

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return code_block(tokens[idx].content, "")

    def html_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show the box of a task; with raw HTML off, only the task list plugin makes these tokens."""
        return '<span class="task">☑</span>' if "checked" in tokens[idx].content else '<span class="task">☐</span>'

    def paragraph_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "" if tokens[idx].hidden else '<p dir="auto">'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="table" tabindex="0"><table>'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _cell(tokens[idx], "th")

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _cell(tokens[idx], "td")

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _link(str(tokens[idx].attrGet("href") or ""))

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Show an image as a link with its host: nothing remote is ever loaded."""
        url = str(tokens[idx].attrGet("src") or "")
        label = tokens[idx].content or "image"
        if not _is_safe_link(url):
            return escape(label)
        return f"{_link(url)}{escape(label)} ({escape(_host(url))})</a>"


def code_block(code: str, language: str) -> str:
    """Show code with its language above it, highlighted where the language is known."""
    lexer = _lexer(language.lower()) if language and len(code) <= _HIGHLIGHT_LIMIT else None
    body = highlight(code, lexer, _FORMATTER) if lexer else escape(code, quote=False)
    label = f'<div class="code__language">{escape(language)}</div>' if language else ""
    return f'<div class="code" dir="ltr">{label}<pre tabindex="0"><code>{body}</code></pre></div>\n'


_FORMATTER = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=64)
def _lexer(name: str) -> Lexer | None:
    try:
        return get_lexer_by_name(name, stripnl=False)
    except ClassNotFound:
        return None


def _cell(token: Token, tag: str) -> str:
    align = str(token.attrGet("style") or "").removeprefix("text-align:")
    return f'<{tag} class="align-{align}">' if align in ("left", "center", "right") else f"<{tag}>"


def _link(url: str) -> str:
    return f'<a href="{escape(url)}" title="{escape(_host(url))}">'


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _math(tex: str, options: dict[str, bool]) -> str:
    if len(tex) <= _TEX_LIMIT:
        try:
            return str(tex_to_mathml(tex.strip(), display="block" if options["display_mode"] else "inline"))
        except Exception:  # the converter raises whatever its own parsing trips over
            pass
    return f'<code class="tex">{escape(tex)}</code>'
