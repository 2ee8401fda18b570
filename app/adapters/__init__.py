"""One outside thing per file; siblings do not know each other, but for what stands on another.

The models stand on db, db on engines, and the shared feed on the feed.
"""
