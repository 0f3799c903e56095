"""From the labels that a page gives to those of the stored series. Pure."""

from promkit.labels import METRIC_NAME, Labels
from ruler.ingest.config import Scrape
from ruler.ingest.errors import FailureKind, ScrapeError
from ruler.ingest.relabel import relabel

__all__ = ["Naming"]

_EXPOSED = "exported_"


class Naming:
    """Adds a target's labels, relabels, and holds the limits of its job."""

    def __init__(self, target: Labels, job: Scrape) -> None:
        self._target = dict(target)
        self._job = job

    def series(self, exposed: Labels) -> Labels | None:
        """The series' labels; None: relabelling dropped it.

        ScrapeError: a limit on labels is exceeded.
        """
        if self._job.honor_labels:
            labels = Labels({**self._target, **exposed})
        elif self._target.keys().isdisjoint(exposed):
            labels = Labels({**exposed, **self._target})
        else:
            labels = self._renamed(exposed)
        relabelled = relabel(labels, self._job.metric_relabel_configs)
        if relabelled is None or METRIC_NAME not in relabelled:
            return None
        self._check(relabelled)
        return relabelled

    def _renamed(self, exposed: Labels) -> Labels:
        """A label that the target has, too, is kept under a name of its own."""
        pairs = {name: value for name, value in exposed.items() if name not in self._target}
        for name, value in exposed.items():
            if name in self._target:
                free = _EXPOSED + name
                while free in pairs or free in self._target:
                    free = _EXPOSED + free
                pairs[free] = value
        return Labels({**pairs, **self._target})

    def _check(self, labels: Labels) -> None:
        job = self._job
        if job.label_limit and len(labels) > job.label_limit:
            raise _limit("label_limit", job.label_limit, labels)
        names, values = job.label_name_length_limit, job.label_value_length_limit
        if names or values:
            for name, value in labels.items():
                if names and len(name.encode()) > names:
                    raise _limit("label_name_length_limit", names, labels)
                if values and len(value.encode()) > values:
                    raise _limit("label_value_length_limit", values, labels)


def _limit(name: str, limit: int, labels: Labels) -> ScrapeError:
    return ScrapeError(FailureKind.LIMIT, f"{name} exceeded: more than {limit} in {str(labels)[:200]}")
