"""Dashboards over the API (S16): list, get, create, change, delete. Those of people's files are read only."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response

from promkit.duration import format_duration
from promkit.errors import ConfigError
from promkit.web import Identity, needs
from promkit.web_config import Role
from ruler.api.context import NowMs, TheRuler
from ruler.api.etag import IfMatch, check_match, etag_of
from ruler.api.wire import iso, success
from ruler.dashboards import Kept, as_data

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/lumina/dashboards", tags=["Dashboards"])

Json = Any  # a JSON document, its shape said in each docstring
Operator = Annotated[Identity, Depends(needs(Role.OPERATOR))]
Written = Annotated[dict[str, Json], Body(description="what a dashboard file says; see Dashboard files")]
BY_LETTERS_MAX = 200
# What an answer says besides, so that it can be changed and given back as it is.
_FACTS = ("created", "updated", "updated_by", "last_viewed", "file", "editable")


@router.get("")
def list_dashboards(ruler: TheRuler) -> Json:
    """Every dashboard without its widgets: who made it, since when, last viewed, and its file."""
    return success([_summary(kept) for kept in ruler.dashboards.all()])


@router.get("/{dashboard}")
def get_dashboard(dashboard: str, ruler: TheRuler, now_ms: NowMs, response: Response) -> Json:
    """One dashboard as its file says it, with an ETag; that counts as a view. 404: unknown."""
    ruler.dashboards.viewed(dashboard, now_ms)
    return _answer(ruler.dashboards.get(dashboard), response)


@router.post("", status_code=201)
def create_dashboard(
    body: Written, ruler: TheRuler, now_ms: NowMs, who: Operator, response: Response, by: str = ""
) -> Json:
    """Add a dashboard, in a file of its own. 400: it is faulty. 409: its id is taken."""
    name = _name(who, by or str(body.get("created_by") or body.get("createdBy") or ""))
    return _answer(ruler.dashboards.create(_plain(body), name, now_ms), response)


@router.put("/{dashboard}")
def update_dashboard(
    dashboard: str,
    body: Written,
    ruler: TheRuler,
    now_ms: NowMs,
    who: Operator,
    response: Response,
    if_match: IfMatch = None,
    by: str = "",
) -> Json:
    """Put another text in the place of a dashboard of the API. 400: it is faulty. 409: another file's.

    412: it has changed since the ETag in If-Match. 404: unknown.
    """
    body = _plain(body)
    there = ruler.dashboards.get(dashboard).dashboard
    if there.derived and body.get("metrics") == list(there.metrics):
        del body["metrics"]  # as it was read: they follow the queries
    kept = ruler.dashboards.update(
        dashboard, body, _name(who, by), now_ms, lambda text: check_match(if_match, etag_of(text))
    )
    return _answer(kept, response)


@router.delete("/{dashboard}")
def delete_dashboard(
    dashboard: str, ruler: TheRuler, now_ms: NowMs, who: Operator, if_match: IfMatch = None, by: str = ""
) -> Json:
    """Remove a dashboard of the API. 409: it is another file's. 412: changed since. 404: unknown."""
    check = lambda text: check_match(if_match, etag_of(text))  # noqa: E731 - as in update
    ruler.dashboards.delete(dashboard, _name(who, by), now_ms, check)
    return success({"id": dashboard})


def _answer(kept: Kept, response: Response) -> Json:
    response.headers["ETag"] = etag_of(kept.dashboard.text)
    metrics = {"metrics": list(kept.dashboard.metrics)}
    return success({**as_data(kept.dashboard), **metrics, **_facts(kept)})


def _summary(kept: Kept) -> Json:
    dashboard = kept.dashboard
    return {
        "id": dashboard.id,
        "name": dashboard.name,
        "description": dashboard.description,
        "metrics": list(dashboard.metrics),
        "time_range": format_duration(dashboard.time_range_ms),
        "refresh": format_duration(dashboard.refresh_ms),
        "widgets": len(dashboard.widgets),
        **_facts(kept),
    }


def _facts(kept: Kept) -> Json:
    facts, at = kept.facts, kept.dashboard.where
    return {
        "created_by": facts.created_by,
        "created": iso(facts.created_ms),
        "updated_by": facts.updated_by,
        "updated": iso(facts.updated_ms),
        "last_viewed": None if facts.viewed_ms is None else iso(facts.viewed_ms),
        "file": at.source,
        "editable": kept.editable,
    }


def _plain(body: dict[str, Json]) -> dict[str, Json]:
    """Without what only answers say; who made it, the caller's login says."""
    left_out = {*_FACTS, "created_by", "createdBy"}
    return {key: value for key, value in body.items() if key not in left_out}


def _name(who: Identity, given: str) -> str:
    """The login's name, or where nobody logs in the name that was given. ConfigError: too long a one."""
    if len(given) > BY_LETTERS_MAX:
        raise ConfigError(f"a name of more than {BY_LETTERS_MAX} letters")
    return who.name or given or "anonymous"
