"""Targets that files list, YAML or JSON: `[{targets: ['host:port'], labels: {…}}]`."""

import glob
from pathlib import Path

import yaml

from promkit import log
from promkit.config import resolve
from ruler.ingest.config import Scrape
from ruler.ingest.target import TargetGroup

__all__ = ["FileTargets"]

_LOG = log.get(__name__)
_FILE_BYTES_MAX = 32 << 20
_FILES_MAX = 10_000
_Stamp = tuple[int, int, int]


class FileTargets:
    """The files of one job; read when they change, kept as they were while they do not make sense."""

    def __init__(self, job: Scrape) -> None:
        self._patterns = [
            str(resolve(entry, Path(pattern))) for entry in job.file_sd_configs for pattern in entry.files
        ]
        self._job = job.job_name
        self._read: dict[str, tuple[_Stamp, list[TargetGroup]]] = {}

    def refresh(self) -> bool:
        """Look at all files; whether anything changed."""
        found = {path for pattern in self._patterns for path in glob.glob(pattern)[:_FILES_MAX]}  # noqa: PTH207 - absolute patterns
        changed = False
        for path in self._read.keys() - found:
            del self._read[path]
            changed = True
        for path in sorted(found):
            changed |= self._look(path)
        return changed

    def groups(self) -> list[TargetGroup]:
        """What the files say."""
        return [group for path in sorted(self._read) for group in self._read[path][1]]

    def _look(self, path: str) -> bool:
        try:
            status = Path(path).stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self._read.get(path)
            if known is not None and known[0] == stamp:
                return False
            groups = _groups(path)
        except (OSError, ValueError, yaml.YAMLError) as error:
            kept = self._read.get(path, ((0, 0, 0), []))[1]
            if self._read.get(path, (None,))[0] != (stamp := _stamp(path)):
                _LOG.warning("target file refused", job=self._job, file=path, error=error)
                self._read[path] = (stamp, kept)
            return False
        self._read[path] = (stamp, groups)
        return True


def _stamp(path: str) -> _Stamp:
    try:
        status = Path(path).stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _groups(path: str) -> list[TargetGroup]:
    """Read one file. ValueError: it is not a list of groups."""
    with Path(path).open("rb") as file:
        content = file.read(_FILE_BYTES_MAX + 1)
    if len(content) > _FILE_BYTES_MAX:
        raise ValueError(f"larger than {_FILE_BYTES_MAX} bytes")
    # JSON is YAML, too. Nothing but plain values is made of it.
    document = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or []  # noqa: S506 - safe
    if not isinstance(document, list):
        raise ValueError("not a list of target groups")  # noqa: TRY004 - told as one kind
    return [_group(path, place, entry) for place, entry in enumerate(document)]


def _group(path: str, place: int, entry: object) -> TargetGroup:
    if not isinstance(entry, dict) or entry.keys() - {"targets", "labels"}:
        raise ValueError(f"group {place}: only targets and labels are known")
    targets, labels = entry.get("targets") or [], entry.get("labels") or {}
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise ValueError(f"group {place}: targets must be texts")
    if not isinstance(labels, dict):
        raise ValueError(f"group {place}: labels must be pairs")  # noqa: TRY004 - told as one kind
    pairs = {str(name): str(value) for name, value in labels.items()}
    return TargetGroup(f"{path}:{place}", tuple(targets), {"__meta_filepath": path, **pairs})
