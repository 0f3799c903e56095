"""Where targets come from; each kind gives groups of addresses that share labels."""

from ruler.ingest.discovery.dns import DnsTargets
from ruler.ingest.discovery.file import FileTargets
from ruler.ingest.discovery.static import static_groups

__all__ = ["DnsTargets", "FileTargets", "static_groups"]
