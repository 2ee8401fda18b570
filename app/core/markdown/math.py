"""TeX to MathML, with the source kept for copying, and shown where it cannot be converted."""

from html import escape

from latex2mathml.converter import convert

from app.core.markdown.clean import sanitise

_LIMIT, _BRACES = 2_000, 200


def mathml(tex: str, *, is_display: bool) -> str:
    """Convert a formula, unsanitised; one that cannot be converted, or is over 2,000 characters, stays its source."""
    tex = tex.strip()
    source = escape(tex, quote=False)
    if tex and len(tex) <= _LIMIT and tex.count("{") <= _BRACES:
        try:
            math = str(convert(tex, display="block" if is_display else "inline"))
        except Exception:  # the converter raises whatever its own parsing trips over
            math = ""
        if math.endswith("</math>"):
            head, _, body = math.removesuffix("</math>").partition(">")
            annotation = f'<annotation encoding="application/x-tex">{source}</annotation>'
            return f"{head}><semantics>{body}{annotation}</semantics></math>"
    return f'<code class="tex">{source}</code>'


def display(tex: str) -> str:
    """Show a formula on a line of its own; sanitised, for the converter lets markup through."""
    return f'<div class="math">{sanitise(mathml(tex, is_display=True))}</div>'
