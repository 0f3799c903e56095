"""History → forecasts, anomalies, trends, reports."""
