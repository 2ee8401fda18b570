"""Use cases as functions on (session, owner, …), and the runner; no Flask."""
