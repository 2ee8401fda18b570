"""Rill as it is served, for ``gunicorn -c gunicorn.conf.py bench.server:app``, with room for a crowd.

There is one owner until there are accounts, so what one person may have at once is lifted, and so are the 750 calls
at once; the bounds of the process stay.
"""

from app import create_app
from app.adapters.claude import Claude
from app.adapters.claude_wire import Limits
from app.chat import conversations, views
from app.core import logs
from app.core.settings import Settings

ROOM = 2_000

logs.configure()
conversations.MAX_LIVE = views.MAX_READERS_OF_ONE = ROOM
settings = Settings.from_env()
claude = Claude(api_key=settings.anthropic_api_key, base_url=settings.anthropic_base_url, limits=Limits(calls=ROOM))
app = create_app(settings, claude=claude)
