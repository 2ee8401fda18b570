"""The lock that keeps a SQLite file to one serving process."""

import fcntl
import os

from sqlalchemy.engine import make_url

from app.core.errors import ConfigurationError


def hold(database_url: str, what: str = "lock") -> int | None:
    """Take the lock beside a SQLite file, and give its descriptor; None for other databases.

    It is held until the descriptor is closed, or the process ends. Two processes would each take the
    other's running replies for orphans. ``what`` is the end of the lock's name: the server holds ``lock``,
    and its worker ``worker``, so that the next one knows when the one before has left.

    :raises ConfigurationError: where another process has it
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    file = os.open(f"{url.database}.{what}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise ConfigurationError(
            f"Another Rill serves {url.database} already. Stop it first, or set DATABASE_URL to another file."
        ) from None
    return file
