"""What is configured, read whole."""

from pathlib import Path

from tests.builders.ruler import settings_of

RULES = {"rules": [{"id": "hot", "metric": "temperature", "condition": "gt", "threshold": 80}]}
DASHBOARD = """id: a
widgets:
  - {type: line, title: Hot, metric: temperature, config: {rule: hot}}
  - {type: line, title: Cold, metric: temperature, config: {rule: cold}}
"""


def test_a_widget_of_a_rule_that_is_not_there_is_doubted(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(DASHBOARD)
    settings = settings_of(tmp_path, {"dashboard_files": ["a.yml", "none/*.yml"]}, RULES)
    assert settings.warnings == (
        "none/*.yml: matches no file",
        "a.yml:1:1: widget 'Cold' names rule 'cold', which is not there",
    )
    assert [one.id for one in settings.dashboards.dashboards] == ["a"]
