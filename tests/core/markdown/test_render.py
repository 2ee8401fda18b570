"""Markdown to HTML: what it shows, what it never lets through, and growing piece by piece."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from app.core.markdown import render

RICH = """# Title

Some **bold**, `code` and $a^2$.

- one
  - nested
- [x] done

| a | b |
|---|--:|
| 1 | 2 |

```python
def f():

    return 1
```

> quoted

$$\\frac{1}{2}$$
"""


def test_renders_what_a_reply_holds() -> None:
    soup = BeautifulSoup(render(RICH), "html.parser")

    found = {tag.name for tag in soup.find_all(True)}

    assert {"h1", "strong", "code", "ul", "li", "table", "pre", "blockquote", "math", "mfrac"} <= found
    assert soup.select_one(".task .task__box").text == "☑"
    assert soup.select_one(".code__language").text == "python"
    assert soup.select_one(".code .k").text == "def"
    assert soup.select("td")[1]["class"] == ["align-right"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](https://evil.example/pixel.png)",
        "![x](//evil.example/pixel.png)",
        '[x](https://e.example "<hx-partial hx-target=#log>")',
        "<div hx-get=/x hx-trigger=load>",
        "<hx-partial hx-target='#r'>x</hx-partial>",
        "```<img/onerror=x>\ncode\n```",
        "<a href=https://e.example><template shadowrootmode=open>",
        "[x](https://e.example/<hx-x hx-sse:connect=/y>)",
        "$\\href{javascript:alert(1)}{x}$",
        "$$\\text{<img src=x onerror=alert(1)>}$$",
    ],
)
def test_lets_nothing_through_that_runs_loads_or_connects(text: str) -> None:
    html = render(text)
    soup = BeautifulSoup(html, "html.parser")

    for tag in soup.find_all(True):
        assert tag.name not in {"script", "img", "iframe", "template", "style", "hx-partial", "svg"}
        assert not [name for name in tag.attrs if name.startswith(("on", "hx-", "data-", "id", "style"))]
        assert tag.get("href", "https:").startswith(("http:", "https:", "mailto:"))
    assert "<hx-" not in html


def test_shows_an_image_as_a_link_with_its_host() -> None:
    link = BeautifulSoup(render("![a cat](https://pics.example/cat.png)"), "html.parser").a

    assert link.text == "a cat (pics.example)"
    assert link["rel"] == ["noopener", "noreferrer", "nofollow"]


@pytest.mark.parametrize("text", ["xmpp:anna@example.org", "*xmpp:anna@example.org*", "[xmpp:a@b.org](x)", "xmpp:"])
def test_keeps_the_name_of_a_link_that_may_not_be_followed(text: str) -> None:
    html = render(text)

    assert "xmpp:" in html
    assert 'href="xmpp' not in html


def test_shows_formulas_it_cannot_read_as_their_source() -> None:
    soup = BeautifulSoup(render("$a_b_c$"), "html.parser")

    assert soup.select_one("code.tex").text == "a_b_c"


@given(st.text())
def test_renders_any_text(text: str) -> None:
    assert "<script" not in render(text)
