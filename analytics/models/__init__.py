"""What will it be? One model a file; this is the list.

`MODELS` is read by the model files' schema, the cycle and the contract tests. Each is made with `day`, the
steps of a day, and `horizon`, the steps ahead that it is judged on.
"""

from collections.abc import Callable

from analytics.models.classification import Classification
from analytics.models.mixture import Mixture
from analytics.models.model import RECENT, RECENT_FEATURES, About, Forecast, Model
from analytics.models.regression import Regression
from analytics.models.residual import Residual

__all__ = ["MODELS", "RECENT", "RECENT_FEATURES", "About", "Forecast", "Model"]

MODELS: dict[str, Callable[[int, int], Model]] = {
    "time_series": Mixture,
    "regression": Regression,
    "classification": Classification,
    "anomaly_detection": Residual,
}
