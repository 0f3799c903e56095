import pytest

from promkit.errors import ConfigError
from ruler.rules import Severities


@pytest.mark.parametrize(
    ("word", "level", "rank"),
    [
        ("critical", "critical", 4),
        ("page", "critical", 4),
        ("emergency", "critical", 4),
        ("error", "high", 3),
        ("Warning", "medium", 2),
        ("warn", "medium", 2),
        ("low", "low", 1),
        ("notice", "info", 0),
        ("none", "info", 0),
        ("urgent", None, None),
        ("", None, None),
    ],
)
def test_words_count_as_one_of_the_five(word: str, level: str | None, rank: int | None) -> None:
    severities = Severities()
    assert (severities.level(word), severities.rank(word)) == (level, rank)


def test_the_configuration_adds_and_changes_words() -> None:
    severities = Severities({"urgent": "critical", "page": "high"})
    assert (severities.rank("urgent"), severities.rank("page"), severities.rank("warn")) == (4, 3, 2)
    with pytest.raises(ConfigError, match="'grave', which is unknown: write one of critical, high"):
        Severities({"urgent": "grave"})
