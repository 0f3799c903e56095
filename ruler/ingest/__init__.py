"""How samples come in: scraping, remote write, imports.

A scrape is bytes → layout → row. A page that has the layout of the last one costs a look-up and a number for
each sample; only lines that are new are parsed.
"""

from ruler.ingest.config import Scrape, ScrapeGlobal
from ruler.ingest.errors import FailureKind, ScrapeError
from ruler.ingest.importer import Imported, import_openmetrics
from ruler.ingest.remote_write import WriteRequestError, receive
from ruler.ingest.scraper import OnScrape, Scraper
from ruler.ingest.target import TargetView

__all__ = [
    "FailureKind",
    "Imported",
    "OnScrape",
    "Scrape",
    "ScrapeError",
    "ScrapeGlobal",
    "Scraper",
    "TargetView",
    "WriteRequestError",
    "import_openmetrics",
    "receive",
]
