"""Queries as Grafana's linter sees them."""

import pytest

from lumina.dashboards import lint_queries as queries

EXCEPTIONS = [
    'ALERTS{alertstate="firing"}',
    'analytics_models{state="ready"}',
    "analytics_model_error_ratio",
]


@pytest.mark.parametrize("expr", EXCEPTIONS)
def test_exceptions_need_no_job(expr: str) -> None:
    assert list(queries.selects("job")(expr)) == []


def test_every_exception_has_its_reason() -> None:
    assert all(len(reason) > 10 or reason.startswith("as ") for reason in queries.EXCEPTIONS.values())


def test_an_exception_is_no_licence_for_its_neighbour() -> None:
    assert list(queries.selects("job")("ALERTS and on () up")) == ['up has no job=~"$job"']
    assert list(queries.selects("job")("ALERTS_TOO")) == ['ALERTS_TOO has no job=~"$job"']


RATES = {
    "rate(x_total[$__rate_interval])": 0,
    "rate(x_total[${__rate_interval}])": 0,
    "sum(increase(x_total[$__rate_interval])) by (code)": 0,
    "increase(x_total[$__range])": 1,
    "max_over_time(x[1h])": 0,
    "rate(x_total[5m]) + rate(y_total[$__rate_interval])": 1,
}


@pytest.mark.parametrize(("expr", "faults"), RATES.items(), ids=RATES)
def test_windows_of_rates(expr: str, faults: int) -> None:
    assert len(list(queries.rate_interval(expr))) == faults


COUNTERS = {
    "rate(x_total[5m])": 0,
    "increase(sum_over_time(x_total[5m])[1h:])": 0,
    "x_total": 1,
    "rate(x_total[5m]) / x_total": 1,
    "x_totals": 0,
}


@pytest.mark.parametrize(("expr", "faults"), COUNTERS.items(), ids=COUNTERS)
def test_counters(expr: str, faults: int) -> None:
    assert len(list(queries.counter_agg(expr))) == faults
