"""The documents as tests see them: files, code blocks with what is said to tests, links."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCS", "ROOT", "Block", "anchors", "blocks", "links", "tracked"]

ROOT = Path(__file__).resolve().parents[2]
# What people read, the made reference too.
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<word>\w+) ?(?P<rest>[^>]*?) ?-->\n)?^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: language and name as in "```yaml rules/api.yml", and what its comment tells tests.

    skip REASON    is not run
    needs NAME     is run where this peer is there
    until SECONDS  is run again and again until it succeeds
    """

    language: str
    name: str
    text: str
    line: int
    order: str = ""
    argument: str = ""


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        language, _, name = match["info"].partition(" ")
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(language, name, match["text"], line, match["word"] or "", match["rest"] or ""))
    return found


def links(text: str) -> list[str]:
    """Targets of all links and images outside code."""
    prose = re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    return _LINK.findall(prose)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def tracked(*suffixes: str) -> list[Path]:
    """Our own files with one of these suffixes; nothing that was made, fetched or cached."""
    left_out = {"monitoring", "node_modules", "dist", "build"}
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name not in left_out]
    ours = [path for path in folders if not path.name.startswith(".") or path.name in {".github", ".ci"}]
    found = [*ROOT.iterdir(), *(path for folder in ours for path in folder.rglob("*"))]
    return sorted(path for path in found if path.suffix in suffixes and path.is_file())
