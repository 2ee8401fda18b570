"""Who is asking: until people can sign in there is one local owner, and only loopback is served."""

from app.adapters.models import LOCAL_OWNER


def owner() -> str:
    """Give the id of the person the request is made for."""
    return LOCAL_OWNER
