"""Rules of a running ruler: listed, added, changed, removed, switched. The API writes rules/api.yml alone.

A change is checked, written whole, and in force when the answer comes; one that cannot come into force leaves
the file as it was. Rules of other files are changed there: 409 with the file and the line.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from promkit.config import Model
from promkit.errors import ConfigError, Conflict, LuminaError, NotFound, Where
from promkit.files import remove, write_whole
from ruler.api.bodies import Json, Operator, Span, named
from ruler.api.context import NowMs, Ruler, TheRuler
from ruler.api.etag import IfMatch, check_match, etag_of
from ruler.api.rule_views import alerts_by_rule, rule_json
from ruler.api.wire import success
from ruler.rules import Deed, Group, Rule, add_rule, change_rule, remove_rule, written_rules
from ruler.settings import API_RULES

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/lumina", tags=["Lumina"])

By = Annotated[str, Query(max_length=200, description="who; the login's name wins where there is one")]
RuleBody = Annotated[dict[str, Any], Body(description="a rule of the short form")]


class Switch(Model):
    """Turn a rule on or off without touching its file."""

    enabled: bool
    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")
    expires: Span | None = Field(None, description="the file's word counts again after this long")


@router.get("/rules")
def rules(ruler: TheRuler, state: str = "", severity: str = "") -> Json:
    """All rules with their states, files and who made them; only those of a state or a severity if asked."""
    active = alerts_by_rule(ruler)
    found = [
        rule_json(ruler, rule, group, active.get(rule.id, ()))
        for group in ruler.loop.groups()
        for rule in group.rules
        if not severity or ruler.settings.severities.level(rule.severity) == severity
    ]
    return success([view for view in found if state in {"", view["state"]}])


@router.get("/rules/{rule:path}")
def one_rule(rule: str, ruler: TheRuler, response: Response) -> Json:
    """One rule; where the API may change it, with what was given (`written`), and an ETag for If-Match.

    404: none has this id.
    """
    return success(_shown(ruler, rule, response))


@router.post("/rules", status_code=201)
def add(
    body: RuleBody, ruler: TheRuler, now_ms: NowMs, who: Operator, response: Response, by: By = ""
) -> Json:
    """Add a rule of the short form. 400: it is faulty. 409: its id is taken."""
    name = named(who, by)
    _write(ruler, name, lambda text: add_rule(text, body, _deed(ruler, name, now_ms)))
    response.headers["Location"] = f"{router.prefix}/rules/{quote(body['id'], safe='')}"
    return success(_shown(ruler, body["id"], response))


@router.put("/rules/{rule:path}")
def change(
    rule: str,
    body: RuleBody,
    ruler: TheRuler,
    now_ms: NowMs,
    who: Operator,
    response: Response,
    by: By = "",
    if_match: IfMatch = None,
) -> Json:
    """Put a rule in the place of the one of this id.

    400: it is faulty. 404: there is none. 409: it is another file's. 412: it was changed meanwhile.
    """
    name = named(who, by)

    def changed(text: str) -> str:
        after = change_rule(text, rule, body, _deed(ruler, name, now_ms))
        check_match(if_match, _etag(text, rule))
        return after

    _write(ruler, name, changed)
    return success(_shown(ruler, rule, response))


@router.delete("/rules/{rule:path}")
def take_out(
    rule: str, ruler: TheRuler, now_ms: NowMs, who: Operator, by: By = "", if_match: IfMatch = None
) -> Json:
    """Remove a rule; its alerts end. 404: none. 409: it is another file's. 412: changed meanwhile."""
    name = named(who, by)

    def removed(text: str) -> str:
        after = remove_rule(text, rule, _deed(ruler, name, now_ms))
        check_match(if_match, _etag(text, rule))
        return after

    _write(ruler, name, removed)
    return success({"id": rule})


@router.post("/rules/{rule:path}/switch")
def switch_rule(rule: str, body: Switch, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Turn a rule on or off, for a time or for good; its file stays as it is. 404: no such rule."""
    ruler.loop.rule(rule)
    until_ms = None if body.expires is None else now_ms + body.expires
    ruler.book.override(rule, body.enabled, named(who, body.by), now_ms, until_ms)
    ruler.look_at_rules()
    return success({"rule": rule, "enabled": body.enabled})


def _shown(ruler: Ruler, id_: str, response: Response) -> dict[str, Json]:
    rule, group = _find(ruler, id_)
    view = rule_json(ruler, rule, group, alerts_by_rule(ruler).get(id_, ()))
    view["written"] = None
    with contextlib.suppress(ConfigError):  # somebody broke the file, and the rule is still in force
        if view["editable"]:
            text = _read(_path(ruler))
            view["written"] = written_rules(text, API_RULES).get(id_)
            response.headers["ETag"] = _etag(text, id_)
    return view


def _find(ruler: Ruler, id_: str) -> tuple[Rule, Group]:
    for group in ruler.loop.groups():
        for rule in group.rules:
            if rule.id == id_:
                return rule, group
    raise NotFound(f"no rule has the id {id_!r}")


def _etag(text: str, id_: str) -> str:
    return etag_of(json.dumps(written_rules(text, API_RULES).get(id_), sort_keys=True))


def _deed(ruler: Ruler, by: str, now_ms: int) -> Deed:
    return Deed(API_RULES, by, now_ms, ruler.settings.rules, ruler.settings.rule_context)


def _write(ruler: Ruler, by: str, edit: Callable[[str], str]) -> None:
    """Change the file and put it in force, or leave both as they were. One at a time."""
    with ruler.editing:
        path = _path(ruler)
        before = _read(path)
        after = edit(before)
        write_whole(path, after)
        try:
            ruler.reload(by)
        except LuminaError as error:
            write_whole(path, before) if before else remove(path)
            with contextlib.suppress(LuminaError):  # what is wrong elsewhere is wrong still
                ruler.reload("")
            if isinstance(error.where, Where) and error.where.source == API_RULES:
                raise
            problem = f"the rule is right, but the configuration is not: {error}"
            raise Conflict(problem, remedy="mend that first: nothing was changed") from None


def _path(ruler: Ruler) -> Path:
    if ruler.settings.api_rules is None:
        raise Conflict("the ruler has no folder for rules", remedy="start it with --config")
    return ruler.settings.api_rules


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(getattr(error, "strerror", None) or "not UTF-8", str(path)) from None
