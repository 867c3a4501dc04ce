"""Container runtimes behind one seam (`interface.Runtime`): real containers through containerd,
or simulated ones without root.

A runtime knows sandboxes and containers, and nothing of the API server. It never decides: what
should run is the pod worker's business.
"""
