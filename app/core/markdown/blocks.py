"""The structure of a growing text: CommonMark's own algorithm, line by line (0.31.2, appendix)."""

from app.core.markdown import starts
from app.core.markdown.draft import Draft, plain
from app.core.markdown.leaves import Code, Formula, Table
from app.core.markdown.lines import Line
from app.core.markdown.math import display
from app.core.markdown.plan import Container, Plan
from app.core.markdown.prose import Prose
from app.core.markdown.starts import Start
from app.core.markdown.tree import Node

#: Quotes, lists and items may be nested this deep; deeper ones are text.
_DEPTH = 24

_CONTAINERS = ("quote", "item", "footnote")

Leaf = Prose | Code | Formula | Table


class Blocks:
    """The open blocks; ``read`` takes in lines, ``read_start`` the start of one whose end is not there yet."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._stack = [Container("document", draft.root)]
        self._leaf: Leaf | None = None
        self._is_after_blank = False

    def read(self, text: str) -> None:
        """Take in a line, without its line end."""
        self._do(self._plan(Line(text), is_complete=True))

    def read_start(self, text: str) -> bool:
        """Take in the start of a line if it is certain what it means, and say so.

        Then the rest of the line goes to ``read_more``, and its end to ``end_line``.
        """
        plan = self._plan(Line(text), is_complete=False)
        if not self._is_certain(plan):
            return False
        if plan.goes_on and isinstance(self._leaf, Code):
            self._leaf.add_start(plan.line)
        else:
            self._do(plan, is_complete=False)
        return True

    def read_more(self, text: str) -> None:
        """Take in more of a line."""
        assert isinstance(self._leaf, Prose | Code)
        self._leaf.add(text)

    def end_line(self) -> None:
        """End a line that was taken in by parts."""
        if isinstance(self._leaf, Code):
            self._leaf.add("\n")
        elif isinstance(self._leaf, Prose) and self._leaf.kind == "heading":
            self._close_leaf()

    def show(self) -> None:
        """Bring into the page what is certain enough of the open leaf."""
        if self._leaf:
            self._leaf.show()

    def finish(self) -> None:
        """Close everything."""
        self._close(1)
        self._close_leaf()

    def _plan(self, line: Line, *, is_complete: bool) -> Plan:
        matched = 1
        while matched < len(self._stack):
            attempt = line.copy()
            container = self._stack[matched]
            is_empty = matched == len(self._stack) - 1 and not container.node.items and self._leaf is None
            if not container.goes_on(attempt, is_empty=is_empty):
                break
            line, matched = attempt, matched + 1
        plan = Plan(line, matched)
        leaf = self._leaf if matched == len(self._stack) else None
        if isinstance(leaf, Formula):
            plan.goes_on = leaf.goes_on(line)
        elif isinstance(leaf, Code):
            plan.goes_on = leaf.is_fence or line.indent > 3 or line.is_blank
        if not plan.goes_on:
            self._find_starts(plan, leaf, is_complete=is_complete)
            is_text = plan.leaf is None and not plan.opens and not plan.line.is_blank
            is_row = isinstance(leaf, Table) and len(line.rest) <= starts.LINE_LIMIT
            plan.goes_on = is_text and (isinstance(self._leaf, Prose) or is_row)
        return plan

    def _find_starts(self, plan: Plan, leaf: Leaf | None, *, is_complete: bool) -> None:
        while not plan.line.is_blank:
            if plan.line.indent > 3:
                if plan.opens or not isinstance(self._leaf, Prose):
                    plan.leaf = Start("code")
                return
            paragraph = None
            if isinstance(leaf, Prose) and not plan.opens:
                if is_complete and plan.line.rest.lstrip(" \t")[0] in "=-|:":
                    leaf.take_definitions()
                paragraph = leaf.text
            attempt = plan.line.copy()
            start = starts.find(attempt, paragraph)
            if start and start.kind not in _CONTAINERS:
                plan.leaf = start
            if start is None or plan.leaf or plan.matched + 2 * len(plan.opens) > _DEPTH:
                return
            plan.opens.append(start)
            plan.line = attempt

    def _is_certain(self, plan: Plan) -> bool:
        line = plan.line
        if line.is_blank:
            return False
        if plan.leaf:
            text = plan.leaf.text.strip(" \t")
            return plan.leaf.kind == "heading" and bool(text) and not starts.is_undecided(text, is_in_item=False)
        if plan.goes_on and isinstance(self._leaf, Code):
            return self._leaf.is_fence and not self._leaf.may_end_with(line)
        if plan.goes_on and isinstance(self._leaf, Formula | Table):
            return False
        is_in_item = bool(plan.opens) and plan.opens[-1].kind == "item"
        return not starts.is_undecided(line.rest.lstrip(" \t"), is_in_item=is_in_item)

    def _do(self, plan: Plan, *, is_complete: bool = True) -> None:
        line = plan.line
        if plan.goes_on:
            self._go_on(line)
        elif plan.leaf and plan.leaf.kind in ("underline", "table"):
            self._turn(plan.leaf)
        else:
            self._close(plan.matched)
            self._close_leaf()
            for start in plan.opens:
                is_last = start is plan.opens[-1] and plan.leaf is None
                self._open(start, mark=starts.task(line.rest) if is_last else None)
            if plan.leaf:
                self._start(plan.leaf, line, is_complete=is_complete)
            elif not line.is_blank:
                self._start_paragraph(line, is_in_item=bool(plan.opens) and plan.opens[-1].kind == "item")
        self._is_after_blank = line.is_blank

    def _go_on(self, line: Line) -> None:
        leaf = self._leaf
        if isinstance(leaf, Prose):
            line.strip()
            leaf.add("\n" + line.rest)
        elif isinstance(leaf, Code):
            if leaf.ends_with(line):
                self._close_leaf()
            else:
                leaf.add_line(line)
        elif isinstance(leaf, Formula):
            if leaf.add_line(line):
                self._close_leaf()
        elif isinstance(leaf, Table):
            leaf.add_line(line)

    def _turn(self, start: Start) -> None:
        """Make a heading or a table of the open paragraph."""
        paragraph = self._leaf
        assert isinstance(paragraph, Prose)
        if start.kind == "underline":
            paragraph.turn(f'<h{start.level} dir="auto">', f"</h{start.level}>")
            self._leaf = None
        else:
            self._leaf = Table.of(self._draft, paragraph, self._parent(), start.columns)

    def _open(self, start: Start, *, mark: str | None) -> None:
        if start.kind == "quote":
            node = self._draft.open(self._parent(), '<blockquote dir="auto">', "</blockquote>")
            self._stack.append(Container("quote", node))
        elif start.kind == "footnote":
            self._draft.references.define_footnote(start.marker)
            label = f'<span class="footnote__label">{plain(start.marker)}</span>'
            node = self._draft.open(self._parent(), f'<div class="footnote">{label}<div>', "</div></div>", 2)
            self._stack.append(Container("footnote", node, offset=4))
        else:
            self._open_item(start, is_task=mark is not None)

    def _open_item(self, start: Start, *, is_task: bool) -> None:
        top = self._stack[-1]
        is_next = top.kind == "list" and top.marker == start.marker
        if not is_next:
            number = f' start="{start.number}"' if start.number != 1 else ""
            tag, attributes = ("ol", number) if start.marker in ".)" else ("ul", "")
            node = self._draft.open(self._parent(), f'<{tag} dir="auto"{attributes}>', f"</{tag}>")
            top = Container("list", node, marker=start.marker)
            self._stack.append(top)
        names = ["apart"] * (is_next and self._is_after_blank) + ["task"] * is_task
        head = f'<li class="{" ".join(names)}">' if names else "<li>"
        item = self._draft.open(top.node, head, "</li>")
        self._stack.append(Container("item", item, offset=start.offset))

    def _start(self, start: Start, line: Line, *, is_complete: bool) -> None:
        parent, version = self._parent(), self._draft.version
        match start.kind:
            case "heading":
                self._leaf = Prose(self._draft, parent, f'<h{start.level} dir="auto">', f"</h{start.level}>", "heading")
                self._leaf.add(start.text.lstrip(" \t"))
                if is_complete:
                    self._close_leaf()
            case "rule":
                parent.add(version, "<hr>")
            case "formula":
                parent.add(version, display(start.text))
            case "math":
                self._leaf = Formula(self._draft, parent, start)
            case "fence":
                self._leaf = Code(self._draft, parent, start)
            case _:
                self._leaf = Code(self._draft, parent, start)
                self._leaf.add_line(line)

    def _start_paragraph(self, line: Line, *, is_in_item: bool) -> None:
        parent = self._parent()
        line.strip()
        head = "<p>" if any(container.kind in ("quote", "item") for container in self._stack) else '<p dir="auto">'
        mark = starts.task(line.rest) if is_in_item else None
        self._leaf = Prose(self._draft, parent, head, "</p>")
        if mark is not None:
            self._leaf.node.lead = f'<span class="task__box">{"☐" if mark == " " else "☑"}</span> '
            line.take(3)
            line.strip()
        self._leaf.add(line.rest)

    def _parent(self) -> Node:
        """Give the element that new blocks go into; a list that is followed by something else ends."""
        while self._stack[-1].kind == "list":
            self._stack.pop()
        return self._stack[-1].node

    def _close(self, depth: int) -> None:
        if len(self._stack) > depth:
            self._close_leaf()
            del self._stack[depth:]

    def _close_leaf(self) -> None:
        if self._leaf:
            self._leaf.finish()
            self._leaf = None
