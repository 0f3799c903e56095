"""Where in an HTML page an action stands, and how its value is made harmless there.

Go's html/template finds that out from the text before the action; so does this, from the text as it is
written. In HTML text and attributes markup is escaped; an address must be http(s), mailto or relative; inside
of scripts a value becomes a JSON text, and inside of styles only plain words and numbers pass.
"""

import json
import re
from enum import Enum, auto
from urllib.parse import quote

from ruler.template.functions import html_escape
from ruler.template.values import SafeHtml, Value, shown

__all__ = ["HtmlContext"]

_URL_ATTRIBUTES = {"href", "src", "action", "formaction", "cite", "poster", "background", "longdesc"}
_UNSAFE = "ZgotmplZ"
_TAG = re.compile(r"<(/?[a-zA-Z][^\s>/]*)")
_ATTRIBUTE = re.compile(r"([^\s=>/\"']+)\s*(=\s*(\"|'|))?|/?>|[\"'/]")
_RAW_TEXT = {"script", "style", "textarea", "title"}
_CSS_PLAIN = re.compile(r"[-a-zA-Z0-9_#.%, ]*")


class _Where(Enum):
    TEXT = auto()
    TAG = auto()
    VALUE = auto()
    RAW = auto()  # in a script or style
    COMMENT = auto()


class HtmlContext:
    """Follows the text of a page."""

    def __init__(self) -> None:
        self._where = _Where.TEXT
        self._tag = ""
        self._attribute = ""
        self._quote = ""
        self._value = ""  # what stands in the attribute so far

    def plain(self, text: str) -> None:
        """Go on over text of the template."""
        at = 0
        while at < len(text):
            at = {
                _Where.TEXT: self._in_text,
                _Where.TAG: self._in_tag,
                _Where.VALUE: self._in_value,
                _Where.RAW: self._in_raw,
                _Where.COMMENT: self._in_comment,
            }[self._where](text, at)

    def escaped(self, value: Value) -> str:  # noqa: PLR0911 - a place a case
        """Make a value harmless where we are."""
        text = shown(value)
        if self._where is _Where.VALUE:
            out = self._attribute_value(text, safe=isinstance(value, SafeHtml))
            self._value += out
            return out
        if self._where is _Where.RAW and self._tag == "script":
            return json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        if self._where is _Where.RAW and self._tag == "style":
            return text if _CSS_PLAIN.fullmatch(text) else _UNSAFE
        if self._where is _Where.COMMENT:
            return ""
        if self._where is _Where.TAG:
            return text if re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]*", text) else _UNSAFE
        if isinstance(value, SafeHtml) and self._where is _Where.TEXT:
            return text
        return _escape(text)

    def _attribute_value(self, text: str, *, safe: bool) -> str:
        name = self._attribute
        if name in _URL_ATTRIBUTES:
            return self._url(text)
        if name.startswith("on"):
            return _escape(json.dumps(text))
        if name == "style":
            return text if _CSS_PLAIN.fullmatch(text) else _UNSAFE
        return _escape(re.sub(r"<[^>]*>", "", text) if safe else text, bare=not self._quote)

    def _url(self, text: str) -> str:
        if not self._value.strip():
            scheme, colon, _ = text.partition(":")
            if colon and "/" not in scheme and scheme.strip().lower() not in {"http", "https", "mailto"}:
                return "#" + _UNSAFE
        if "?" in self._value or "#" in self._value:
            return _escape(quote(text, safe="-_.~"))
        return _escape(quote(text, safe="!#$&*+,/:;=?@[]%-_.~"))

    # One step in each state → where to go on.

    def _in_text(self, text: str, at: int) -> int:
        comment = text.find("<!--", at)
        tag = _TAG.search(text, at)
        if comment >= 0 and (tag is None or comment < tag.start()):
            self._where = _Where.COMMENT
            return comment + 4
        if tag is None:
            return len(text)
        self._where, self._tag = _Where.TAG, tag[1].lower()
        return tag.end()

    def _in_tag(self, text: str, at: int) -> int:
        match = _ATTRIBUTE.search(text, at)
        if match is None:
            return len(text)
        if match[0] in {">", "/>"}:
            self._where = _Where.RAW if self._tag in _RAW_TEXT else _Where.TEXT
        elif match[2]:
            self._where, self._attribute = _Where.VALUE, match[1].lower()
            self._quote, self._value = match[3], ""
        return match.end()

    def _in_value(self, text: str, at: int) -> int:
        ends = [self._quote] if self._quote else [" ", "\t", "\n", ">"]
        found = [position for sign in ends if (position := text.find(sign, at)) >= 0]
        end = min(found, default=-1)
        self._value += text[at : end if end >= 0 else None]
        if end < 0:
            return len(text)
        self._where = _Where.TAG
        return end + len(self._quote)

    def _in_raw(self, text: str, at: int) -> int:
        end = text.lower().find(f"</{self._tag}", at)
        if end < 0:
            return len(text)
        self._where, self._tag = _Where.TAG, "/" + self._tag
        return end + len(self._tag) + 1

    def _in_comment(self, text: str, at: int) -> int:
        end = text.find("-->", at)
        if end < 0:
            return len(text)
        self._where = _Where.TEXT
        return end + 3


def _escape(text: str, *, bare: bool = False) -> str:
    """Escape as Go's html/template: it takes + too, which some decoders read as the begin of UTF-7."""
    escaped = html_escape(text).replace("+", "&#43;").replace("\0", "\ufffd")
    if bare:
        for sign in "\t\n\r =`":
            escaped = escaped.replace(sign, f"&#{ord(sign)};")
    return escaped
