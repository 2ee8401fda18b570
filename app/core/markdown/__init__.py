"""Markdown to sanitised HTML, whole (``render``) or as it grows (``Incremental``)."""

from app.core.markdown.clean import sanitise
from app.core.markdown.growing import Incremental, render, rendering
from app.core.markdown.tree import CURSOR, Append, Change, Changes, Grow, Replace, Reset

__all__ = [
    "CURSOR",
    "Append",
    "Change",
    "Changes",
    "Grow",
    "Incremental",
    "Replace",
    "Reset",
    "render",
    "rendering",
    "sanitise",
]
