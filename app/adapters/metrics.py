"""What Rill counts, for Prometheus: one set of figures per process, added up where there are several."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The figures of one process. None has a label that names a person, a conversation or a text.

    ``is_one_of_several`` says that gunicorn.conf.py made a folder where the processes keep theirs.
    """

    def __init__(self, *, is_one_of_several: bool = False) -> None:
        self._is_one_of_several = is_one_of_several
        self._registry = registry = CollectorRegistry()
        self.replies = Counter("rill_replies", "Replies that ended, by how.", ["status"], registry=registry)
        self.calls = Counter("rill_api_calls", "Replies to programs, by how they ended.", ["status"], registry=registry)
        self.reaps = Counter("rill_reaps", "Replies taken over from dead workers.", ["to"], registry=registry)
        self.retries = Counter("rill_retries", "Requests to Claude that were tried again.", registry=registry)
        self.running = self._gauge("rill_running", "Replies being written.")
        self.viewers = self._gauge("rill_viewers", "Open streams.")
        self.first_token = self._seconds("rill_first_token_seconds", "From the start of a reply to its first word.")
        self.commit = self._seconds("rill_commit_seconds", "Commits of the journal.")
        self.loop_lag = self._seconds("rill_loop_lag_seconds", "How much later than asked the event loop woke.")

    def text(self) -> bytes:
        """Write all figures in Prometheus' text format, those of the other processes included."""
        registry = self._registry
        if self._is_one_of_several:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the package has no types here
        return generate_latest(registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, multiprocess_mode="livesum", registry=self._registry)

    def _seconds(self, name: str, about: str) -> Histogram:
        return Histogram(name, about, buckets=_SECONDS, registry=self._registry)
