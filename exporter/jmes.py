"""JMESPath, checked when it is read. The library is loaded when the first path is."""

from promkit.errors import Unavailable

__all__ = ["Path", "check"]


class Path:
    """A path, compiled once."""

    def __init__(self, text: str) -> None:
        """ValueError: it is no path."""
        import jmespath  # noqa: PLC0415 - see above
        from jmespath.exceptions import JMESPathError  # noqa: PLC0415

        self._text = text
        self._error = JMESPathError
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            why = str(error).partition("\n")[0].rstrip(": ")
            raise ValueError(f"{text[:80]!a} is no JMESPath: {why}") from None

    def search(self, document: object) -> object:
        """What stands there; None: nothing. Unavailable: a function in it got what it cannot take."""
        try:
            found: object = self._compiled.search(document)
        except self._error as error:
            raise Unavailable(f"{self._text[:80]!a}: {str(error).partition(chr(10))[0]}") from None
        return found


def check(text: str) -> None:
    """ValueError: it is no path. Where JMESPath is not installed the configuration says that, not this."""
    try:
        Path(text)
    except ImportError:
        return
