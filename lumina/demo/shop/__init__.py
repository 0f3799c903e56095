"""A small web shop, watched from outside: pages, sessions and compliance scans over a pool of connections.

`server` answers and writes an access log, `worker` works the queue of scans off, `database` keeps both
in SQLite, `keeper` starts the shop again when it ends, `figures` says what the exporter asks of it, `deeds`
what the ruler may do to it.
`python -m lumina.demo.shop serve|keep|restart` runs it.
"""

from lumina.demo.shop.deeds import actions
from lumina.demo.shop.figures import sql_source

__all__ = ["actions", "sql_source"]
