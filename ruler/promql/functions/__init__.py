"""All functions, a row each. Parser, evaluator and manual read this list and know no function by name."""

import numpy as np

from ruler.promql.functions import (
    calendar,
    counters,
    elementwise,
    histograms,
    info,
    labels,
    over_time,
    trends,
    vectors,
)
from ruler.promql.functions.function import Function, Takes, ValueType

__all__ = ["FUNCTIONS", "Function", "Takes", "ValueType"]

VECTOR, RANGE = ValueType.VECTOR, ValueType.MATRIX
SCALAR, STRING = ValueType.SCALAR, ValueType.STRING
CONTEXT = Takes.CONTEXT


def _of_date(part: calendar.Part, years_past_end: int = 0) -> Function:
    call = calendar.of_date(part, years_past_end)
    return Function(call, (VECTOR,), CONTEXT, optional=1, by_time=True)


def _native(*args: ValueType) -> Function:
    return Function(vectors.native_histograms, args, CONTEXT)


FUNCTIONS: dict[str, Function] = {
    "abs": Function(np.abs, (VECTOR,)),
    "absent": Function(vectors.absent, (VECTOR,), CONTEXT),
    "absent_over_time": Function(vectors.absent_over_time, (RANGE,), CONTEXT),
    "acos": Function(np.arccos, (VECTOR,)),
    "acosh": Function(np.arccosh, (VECTOR,)),
    "asin": Function(np.arcsin, (VECTOR,)),
    "asinh": Function(np.arcsinh, (VECTOR,)),
    "atan": Function(np.arctan, (VECTOR,)),
    "atanh": Function(np.arctanh, (VECTOR,)),
    "avg_over_time": Function(over_time.average, (RANGE,)),
    "ceil": Function(np.ceil, (VECTOR,)),
    "changes": Function(counters.changes, (RANGE,)),
    "clamp": Function(elementwise.clamp, (VECTOR, SCALAR, SCALAR)),
    "clamp_max": Function(elementwise.clamp_max, (VECTOR, SCALAR)),
    "clamp_min": Function(elementwise.clamp_min, (VECTOR, SCALAR)),
    "cos": Function(np.cos, (VECTOR,)),
    "cosh": Function(np.cosh, (VECTOR,)),
    "count_over_time": Function(over_time.count, (RANGE,)),
    "day_of_month": _of_date(calendar.day_of_month),
    "day_of_week": _of_date(calendar.day_of_week),
    "day_of_year": _of_date(calendar.day_of_year),
    "days_in_month": _of_date(calendar.days_in_month),
    "deg": Function(elementwise.degrees, (VECTOR,)),
    "delta": Function(counters.delta, (RANGE,), least=2),
    "deriv": Function(trends.derivative, (RANGE,), least=2),
    "double_exponential_smoothing": Function(
        trends.double_exponential_smoothing, (RANGE, SCALAR, SCALAR), least=2, experimental=True
    ),
    "exp": Function(np.exp, (VECTOR,)),
    "floor": Function(np.floor, (VECTOR,)),
    "histogram_avg": _native(VECTOR),
    "histogram_count": _native(VECTOR),
    "histogram_fraction": Function(histograms.histogram_fraction, (SCALAR, SCALAR, VECTOR), CONTEXT),
    "histogram_quantile": Function(histograms.histogram_quantile, (SCALAR, VECTOR), CONTEXT),
    "histogram_stddev": _native(VECTOR),
    "histogram_stdvar": _native(VECTOR),
    "histogram_sum": _native(VECTOR),
    "hour": _of_date(calendar.hour),
    "idelta": Function(counters.idelta, (RANGE,), least=2),
    "increase": Function(counters.increase, (RANGE,), least=2, of_counter=True),
    "info": Function(info.info, (VECTOR, VECTOR), CONTEXT, optional=1, labels_last=True, experimental=True),
    "irate": Function(counters.irate, (RANGE,), least=2),
    "label_join": Function(labels.label_join, (VECTOR, STRING, STRING, STRING), CONTEXT, repeats=True),
    "label_replace": Function(labels.label_replace, (VECTOR, STRING, STRING, STRING, STRING), CONTEXT),
    "last_over_time": Function(over_time.last, (RANGE,), keeps_name=True),
    "ln": Function(np.log, (VECTOR,)),
    "log10": Function(elementwise.log10, (VECTOR,)),
    "log2": Function(elementwise.log2, (VECTOR,)),
    "mad_over_time": Function(over_time.median_deviation, (RANGE,), experimental=True),
    "max_over_time": Function(over_time.greatest, (RANGE,)),
    "min_over_time": Function(over_time.least, (RANGE,)),
    "minute": _of_date(calendar.minute),
    "month": _of_date(calendar.month),
    "pi": Function(vectors.pi, (), CONTEXT, returns=SCALAR),
    "predict_linear": Function(trends.prediction, (RANGE, SCALAR), least=2, by_time=True),
    "present_over_time": Function(over_time.present, (RANGE,)),
    "quantile_over_time": Function(vectors.quantile_over_time, (SCALAR, RANGE), CONTEXT),
    "rad": Function(elementwise.radians, (VECTOR,)),
    "rate": Function(counters.rate, (RANGE,), least=2, of_counter=True),
    "resets": Function(counters.resets, (RANGE,)),
    "round": Function(elementwise.rounded, (VECTOR, SCALAR), optional=1),
    "scalar": Function(vectors.scalar, (VECTOR,), CONTEXT, returns=SCALAR),
    "sgn": Function(elementwise.sign, (VECTOR,)),
    "sin": Function(np.sin, (VECTOR,)),
    "sinh": Function(np.sinh, (VECTOR,)),
    "sort": Function(vectors.sort, (VECTOR,), CONTEXT),
    "sort_by_label": Function(
        labels.sort_by_label, (VECTOR, STRING), CONTEXT, repeats=True, experimental=True
    ),
    "sort_by_label_desc": Function(
        labels.sort_by_label_desc, (VECTOR, STRING), CONTEXT, repeats=True, experimental=True
    ),
    "sort_desc": Function(vectors.sort_desc, (VECTOR,), CONTEXT),
    "sqrt": Function(np.sqrt, (VECTOR,)),
    "stddev_over_time": Function(over_time.deviation, (RANGE,)),
    "stdvar_over_time": Function(over_time.variance, (RANGE,)),
    "sum_over_time": Function(over_time.total, (RANGE,)),
    "tan": Function(np.tan, (VECTOR,)),
    "tanh": Function(np.tanh, (VECTOR,)),
    "time": Function(vectors.time, (), CONTEXT, returns=SCALAR, by_time=True),
    "timestamp": Function(vectors.timestamp, (VECTOR,), CONTEXT, by_time=True, sample_times=True),
    "ts_of_last_over_time": Function(over_time.time_of_last, (RANGE,), experimental=True),
    "ts_of_max_over_time": Function(over_time.time_of_greatest, (RANGE,), experimental=True),
    "ts_of_min_over_time": Function(over_time.time_of_least, (RANGE,), experimental=True),
    "vector": Function(vectors.vector, (SCALAR,), CONTEXT),
    "year": _of_date(calendar.year, calendar.YEARS_PAST_END),
}
