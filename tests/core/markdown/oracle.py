"""markdown-it's own reading of a text, and a form in which both readings can be compared."""

import re
from functools import lru_cache

from bs4 import BeautifulSoup, NavigableString, Tag
from markdown_it import MarkdownIt

from app.core.markdown import inline

BLOCKS = r"(?:p|ul|ol|li|blockquote|h[1-6]|pre|table|thead|tbody|tr|th|td|hr|br)"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Give markdown-it with its own block rules, and the inline rules that Rill gives it."""
    parser = inline.make_parser()
    parser.enable("table")
    parser.block.ruler.disable("math_block")
    return parser


def read(source: str) -> str:
    """Render a text with markdown-it."""
    html = str(_parser().render(source))
    return inline.sanitise(re.sub('style="text-align:([a-z]+)"', r'class="align-\1"', html))


def structure(html: str) -> str:
    """Write what a reading means.

    Left out: what is Rill's own look (frames of code and tables, directions, titles), and paragraphs in list
    items, which Rill always writes: there, whether a list is loose is a matter of spacing.
    """
    tree = BeautifulSoup(html, "html.parser")
    for code in tree.select("div.code"):
        code.select_one(".code__bar").decompose()
        code.unwrap()
    for element in tree.select("div.table, li > p"):
        element.unwrap()
    found: list[str] = []
    _write(tree, found)
    text = re.sub(rf" *(</?{BLOCKS}\b[^>]*>) *", r"\1", "".join(found))
    return re.sub(r"\n+</pre>", "</pre>", text)


def _write(parent: Tag, found: list[str]) -> None:
    for node in parent.children:
        if isinstance(node, NavigableString):
            if node.strip():
                found.append(str(node) if parent.name == "pre" else re.sub(r"\s+", " ", node))
            continue
        if node.name == "code" and parent.name == "pre":
            found.append(node.get_text())
            continue
        found.append(f"<{node.name}{_attributes(node)}>")
        _write(node, found)
        found.append(f"</{node.name}>")


def _attributes(node: Tag) -> str:
    if node.name == "a":
        return f" {node.get('href')}"
    if node.name == "ol" and node.get("start", "1") != "1":
        return f" {node['start']}"
    if node.name in ("th", "td"):
        align = re.search("left|right|center", str(node.attrs))
        return f" {align[0]}" if align else ""
    return ""
