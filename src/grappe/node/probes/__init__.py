"""Startup, readiness and liveness probes.

`threshold.py` turns single results into a verdict (pure); `handlers.py` makes one attempt;
`prober.py` runs the probes of a node's containers and tells the pod workers.
"""
