"""What a run leaves behind, and whether it may; ``python -m tests.faults.record FILE`` judges a kept one again."""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LIVE = ("queued", "running")
#: How often Claude is asked for one message, at most: once, and again where a worker was lost before the first word.
CALLS = 4


@dataclass
class Seen:
    """What one viewer saw; ``keys`` are the replies whose words were in what it was sent, ``page_keys`` in its page."""

    reply_id: str
    owner: str = ""
    shown: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    page_keys: list[str] = field(default_factory=list)
    final: str | None = None
    connections: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass
class Record:
    """Replies, what Claude sent of each, and what their viewers saw; of each reply its key and its owner."""

    rows: dict[str, dict[str, Any]]
    sent: dict[str, list[str]]
    keys: dict[str, str]
    owners: dict[str, str]
    viewers: list[Seen]
    lost_words: int = 0
    seed: str = ""

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(json.dumps(asdict(self), default=str, indent=1))

    @classmethod
    def load(cls, path: Path) -> "Record":
        """Read it from a file."""
        found = json.loads(path.read_text())
        return cls(**{**found, "viewers": [Seen(**viewer) for viewer in found["viewers"]]})

    def judge(self) -> None:
        """Hold it to what Rill promises; ``lost_words`` may be missing of what Claude sent."""
        for id, key in self.keys.items():
            self._judge_reply(self.rows[id], self.sent.get(key, []))
        for viewer in self.viewers:
            self._judge_viewer(viewer, " ".join(self.rows[viewer.reply_id]["text"].split()))

    def _judge_reply(self, row: dict[str, Any], calls: list[str]) -> None:
        stored = row["text"]
        assert row["status"] not in LIVE, "no reply is left running"
        assert not calls or calls[-1].startswith(stored), "stored is a prefix of what Claude sent"
        assert len(calls) <= row["epoch"], "Claude was asked once by each worker"
        assert len(calls) <= CALLS, "Claude is not asked again and again"
        if row["status"] == "done":
            assert [stored] == calls[-1:], "done means all of it"
        elif calls and stored:
            assert len(calls[-1].split()) - len(stored.split()) <= self.lost_words, "little is lost"

    def _judge_viewer(self, viewer: Seen, stored: str) -> None:
        assert viewer.errors == [], f"nothing goes wrong at the viewer's: {viewer.errors}"
        wrong = [shown for shown in viewer.shown if not stored.startswith(shown)]
        assert not wrong, f"shown is a prefix of what is stored: {wrong[:1]} of {stored!r}"
        places = [id.split("-") for id in viewer.ids]
        for (view, version), (next_view, next_version) in zip(places, places[1:], strict=False):
            assert view != next_view or int(version) <= int(next_version), "cursors only go on"
        assert viewer.final == stored, "the page ends as what is stored"
        assert set(viewer.keys) <= {self.keys[viewer.reply_id]}, "nobody is sent a word of another reply"
        foreign = {key for id, key in self.keys.items() if self.owners.get(id, "") != viewer.owner}
        assert not foreign & set(viewer.page_keys), "nobody's page has a word of another person's"


if __name__ == "__main__":
    Record.load(Path(sys.argv[1])).judge()
