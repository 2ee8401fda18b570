"""Markdown made up by Hypothesis, and ways to cut it."""

from hypothesis import strategies as st

_LINES = (
    r"""
# h|## t **b** #|para text|more *em* and **strong** x|`code` y|- a|- b|  - c|    - d|* x|1. one|2) two|3. three|> q
> > qq|> - l|```|```py|~~~|    ind|===|---|- - -|***|$$|$$ x $$|$$ x|\[|\[ y \]|\[ no|\]|[foo]: https://e.example
[foo]|[^1]: note|[^n]: nn|see[^1] [^n]||  |- [ ] task|- [x] done **b**|**open|*a **b* c**|[l](https://a.example/c)
![i](https://a.example/c.png)|<https://x.example>|<b>html</b>|a_b_c __d__|~~s~~|\* esc|$a+b$ and $5|line  |back\\|-|1.|#
https://e.example/a?b=c|www.e.example x|\(z\) q|&amp; &copy; &|+ p|   - three|      - six|日本語**太字**です|   ```|>
`un|``a`b``|é|a@b.example|**b `c* d` e**|***x*** y|word ![a [b] c](https://a.example) d|[x][foo] [foo][]|\r|x\ty|[|]|(|\
""".strip("\n")
    .replace("\n", "|")
    .split("|")
    + ["| a | b |", "|---|:-:|", "|x", "a | b", "--- | ---", "\t- tab", "|"]
)
_PREFIXES = ["", "", "", "", "  ", "> ", "- ", "   ", "    ", "\t"]

lines = st.builds(str.__add__, st.sampled_from(_PREFIXES), st.sampled_from(_LINES))
markdown = st.builds(
    lambda found, end: "\n".join(found) + end, st.lists(lines, max_size=9), st.sampled_from(["", "\n"])
)
cuts = st.lists(st.integers(1, 30), max_size=40)


def pieces(text: str, sizes: list[int]) -> list[str]:
    """Cut a text into pieces of these sizes; what is left is one more."""
    found = []
    for size in sizes:
        found.append(text[:size])
        text = text[size:]
    return [piece for piece in [*found, text] if piece]
