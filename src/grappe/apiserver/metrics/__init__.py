"""What the API server counts, under the names of kube-apiserver, and `/metrics`.

https://kubernetes.io/docs/reference/instrumentation/metrics/
Counting must never cost a request more than a microsecond, nor name what a client made up: every
label's values are bounded.
"""

from grappe.apiserver.metrics.admission import TimedAdmission
from grappe.apiserver.metrics.page import Page
from grappe.apiserver.metrics.requests import RequestMetrics
from grappe.apiserver.metrics.state import StorageMetrics, process_metrics

__all__ = ["Page", "RequestMetrics", "StorageMetrics", "TimedAdmission", "process_metrics"]
