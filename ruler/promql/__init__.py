"""What a query means."""

from ruler.promql.result import Matrix, RangeVector, Result, Scalar, String, Vector

__all__ = ["Matrix", "RangeVector", "Result", "Scalar", "String", "Vector"]
