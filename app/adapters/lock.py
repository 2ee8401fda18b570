"""The locks that keep a SQLite file to one serving process, and temporary files from being cleaned up."""

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


def keep(folder: str) -> int:
    """Lock a temporary folder whose files are read for as long as the process lives, and give the descriptor.

    systemd-tmpfiles deletes what was not read for ten days, but nothing in a folder that is locked (tmpfiles.d(5)).
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # others may keep it, too: this process from before it was reloaded, say
    return descriptor
