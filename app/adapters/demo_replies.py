"""What the demo Claude says, by the words of the last message."""

from typing import Any

HELLO = """Hello! I am Rill's **demo**: my replies are scripted, so that you can try the page without a key.

Say *table*, *code*, *math*, *list* or *long* to see what a reply can hold, or *help* for everything at once.
Set `ANTHROPIC_API_KEY` and start Rill again to talk to Claude."""

TABLE = """Three ways to wait for an answer:

| Way | First word | Feels like | Survives a reload |
|:----|-----------:|:-----------|:-----------------:|
| Whole reply at once | 8.0 s | a form | no |
| Streamed text | 0.5 s | a conversation | rarely |
| Streamed and journalled | 0.5 s | a conversation | **yes** |

The time to the *last* word is the same in all three. What changes is how long you look at nothing."""

CODE = """The same idea in three languages. First Python, with the SDK:

```python
from anthropic import Anthropic

client = Anthropic()
with client.messages.stream(
    model="claude-sonnet-5-5",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello, Claude"}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
```

Then TypeScript, reading bytes as they come:

```typescript
const response = await fetch("/api/chat", { method: "POST", body });
const reader = response.body!.getReader();
for (;;) {
  const { done, value } = await reader.read();
  if (done) break;
  show(decoder.decode(value, { stream: true }));
}
```

And a shell, where `-N` keeps curl from collecting the output:

```bash
curl -N https://api.anthropic.com/v1/messages \\
  -H "content-type: application/json" \\
  -d @request.json | grep --line-buffered '^data:'
```"""

MATH = """A stream that starts after $t_0$ and runs at $r$ tokens a second shows $n$ tokens at

$$t(n) = t_0 + \\frac{n}{r}$$

For $t_0 = 0.5$ and $r = 60$ that is the first word after half a second and 600 tokens after

$$t(600) = 0.5 + \\frac{600}{60} = 10.5$$

seconds. The mean wait for a word, $\\bar{t} = t_0 + \\frac{n}{2r}$, is half of what a whole reply would cost you."""

LIST = """What happens between your Enter key and the first word:

1. The page posts the form.
   - Your message and an empty reply are stored together.
   - The answer to the form comes back in milliseconds.
2. A worker asks Claude.
   - If Claude is busy, it waits and tries again:
     - with a countdown you can see,
     - and a limit it keeps to.
3. Each piece of text is committed, then shown.

Still to do:

- [x] Stream the text
- [x] Keep it through a reload
- [ ] Write the next message"""

HELP = f"""# What a reply can hold

> Everything on this page is rendered by the server. There is no script of Rill's own.

## Lists

{LIST}

## A table

{TABLE}

## Code

{CODE}

## Math

{MATH}

## Links and emphasis

Links show where they lead: [the CommonMark specification](https://spec.commonmark.org/). Text can be *emphasised*,
**strong**, ~~struck out~~ or `literal`."""

_CHAPTERS = (
    ("The spring", "Every river starts as something too small to name. A wet stone, a line of moss, a sound."),
    ("The rill", "Further down the slope the water has found a channel no wider than a hand, and keeps to it."),
    ("The brook", "Two rills meet and neither asks which of them goes on. The bed widens; there is room for fish."),
    ("The mill", "People put a wheel into it. The water gives a little of its fall and takes its way again."),
    ("The bridge", "From here on there are two banks, and those who live on one wonder about the other."),
    ("The plain", "It slows down. It carries sand now instead of stones, and writes its old courses into the fields."),
    ("The town", "Walls on both sides, lamps at night. It passes under eleven windows in which somebody is awake."),
    ("The delta", "At the end it cannot decide and goes every way at once, and all of them turn out to be right."),
)
_LOOKING = (
    "If you stand still you can see how it works: nothing in it waits for the whole. What has arrived moves on, and "
    "what moves on makes room. The surface changes with each stone and the course does not.\n\n"
    "Nobody has ever watched a river *load*. You see the part that is here, then the next, and your eye is content, "
    "because something is always arriving. That is all there is to it, and it is a great deal."
)
LONG = "# Downstream\n\n" + "\n\n".join(
    f"## {number}. {title}\n\n{text}\n\n{_LOOKING}" for number, (title, text) in enumerate(_CHAPTERS, 1)
)

OTHER = """I can't answer that: I am a **scripted demo**, not Claude, and I only know a few replies by heart.

Try one of these words:

- *table*, *code*, *math*, *list*: one thing each
- *long*: a reply of several screens, to try Stop, reload and a second tab
- *help*: everything at once

With `ANTHROPIC_API_KEY` set, the same page talks to the real Claude."""

_THINKING = "The message says “{word}”, so a prepared reply fits. I will show it at the pace of a real one."

_REPLIES = {
    "table": TABLE,
    "code": CODE,
    "math": MATH,
    "list": LIST,
    "long": LONG,
    "help": HELP,
    "hello": HELLO,
    "hi": HELLO,
    "hey": HELLO,
}


def reply_to(text: str) -> tuple[str, str]:
    """Give the thinking and the text of the reply to a message; no thinking where none is shown."""
    words = {word.strip(".,;:!?\"'“”()").lower() for word in text.split()}
    for word, reply in _REPLIES.items():
        if word in words:
            return _THINKING.format(word=word) if word in ("help", "math") else "", reply
    return "", OTHER


def example(schema: dict[str, Any]) -> Any:
    """Make a value that follows a JSON Schema of the usual kind."""
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("enum", "anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return schema["enum"][0] if name == "enum" else example(schema[name][0])
    kind = schema.get("type", "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {name: example(part) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"])] if "items" in schema else []
        case "string":
            return "scripted"
        case other:
            return {"integer": 1, "number": 1.5, "boolean": True}.get(other)
