"""What deploy/ has of other folders, and the chart's table of values. Run it after a change of either:

    .venv/bin/python tools/deploy_files.py

Helm reads only inside its chart, and compose mounts one folder: rules, models and dashboards stand there
again. tests/deploy holds the copies to what they are copies of.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ruler.rules import RuleContext, export, load_files

__all__ = ["COMMAND", "stale", "wanted"]

COMMAND = ".venv/bin/python tools/deploy_files.py"
ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy" / "helm"
COMPOSE = ROOT / "deploy" / "compose"
Json = dict[str, Any]
# Folder of originals, pattern → the folders of their copies.
COPIES = {
    ("ruler/defaults/rules", "*.yml"): (CHART / "files" / "rules", COMPOSE / "rules"),
    ("ruler/defaults/dashboards", "*.yml"): (CHART / "files" / "pages", COMPOSE / "dashboards"),
    ("analytics/defaults/models", "*.yml"): (CHART / "files" / "models", COMPOSE / "models"),
    ("grafana/dashboards", "*.json"): (CHART / "files" / "dashboards",),
}
BEGIN, END = "<!-- values: made by tools/deploy_files.py -->\n", "<!-- end of values -->\n"


def wanted() -> dict[Path, str]:
    """Every file that is made, and what is in it."""
    files = {
        copies / path.name: path.read_text(encoding="utf-8")
        for (folder, pattern), targets in COPIES.items()
        for path in sorted((ROOT / folder).glob(pattern))
        for copies in targets
    }
    rules = load_files(["rules/*.yml"], ROOT / "ruler" / "defaults", RuleContext(any_name=True))
    # An expression is one line, however long.
    text = f"# yamllint disable rule:line-length\n{export(rules).text}"
    files[CHART / "files" / "prometheus-rules.yml"] = text
    readme = CHART / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    files[readme] = f"{before}{BEGIN}{_table()}{END}{after}"
    return files


def stale() -> list[Path]:
    """Copies of what is no longer there."""
    made = wanted()
    there = [path for targets in COPIES.values() for folder in targets for path in folder.glob("*")]
    return sorted(path for path in there if path not in made)


def _table() -> str:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = [
        f"| `{name}` | `{json.dumps(value, ensure_ascii=False)}` | {text} |\n"
        for name, value, text in _rows(schema, schema, values, "")
    ]
    return "\n| value | default | what it says |\n| --- | --- | --- |\n" + "".join(rows) + "\n"


def _rows(schema: Json, at: Json, values: Json, above: str) -> Iterator[tuple[str, Any, str]]:
    """Name, default and description of each value below."""
    for key, found in at["properties"].items():
        if key not in values:  # helm's own
            continue
        name = f"{above}.{key}" if above else key
        inner = schema["definitions"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
        if "properties" in inner and key != "resources":
            yield from _rows(schema, inner, values[key], name)
        else:
            yield name, values[key], inner["description"]


def main() -> None:
    for path in stale():
        path.unlink()
    for path, text in wanted().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
