"""The allow-list that every piece of HTML made from a model's text passes."""

import re

import nh3

_MATHML = set(
    "math mrow mi mn mo ms mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover mtable mtr mtd "
    "mstyle mpadded mphantom menclose mmultiscripts mprescripts none semantics annotation".split()
)
_TAGS = _MATHML | set(
    "p br hr h1 h2 h3 h4 h5 h6 strong em s sup code pre blockquote ul ol li a div span "
    "table thead tbody tr th td".split()
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
    "annotation": {"encoding"},
    **{tag: {"class"} for tag in ("span", "code", "sup")},
    **{tag: {"class"} for tag in ("th", "td", "li")},
    **{tag: {"class", "dir"} for tag in ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "blockquote", "table")},
    "ol": {"dir", "start"},
    "pre": {"tabindex"},
    "div": {"class", "dir", "tabindex"},
}
#: The page's own marks, ``t`` and ``whole``, are no one else's.
_CLASS = re.compile(r"(?!(?:t|whole)$)[a-z][a-z0-9_-]{0,30}")


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return " ".join(name for name in value.split() if _CLASS.fullmatch(name)) or None
    if attribute == "tabindex":
        return "0"
    return value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    attribute_filter=_filter,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)


def sanitise(html: str) -> str:
    """Keep what is on the allow-list, and nothing else.

    nh3 also writes ``<`` in attribute values as ``&lt;``; htmx 4 rewrites ``<hx-…`` in raw text before it
    parses, so an unescaped one inside an attribute would become markup.
    """
    return _CLEANER.clean(html)
