"""Startup, readiness and liveness probes.

`threshold.py` turns single results into a verdict (pure); `handlers.py` makes one attempt;
`prober.py` runs the probes of one pod's containers and wakes its worker. Must never act on a
verdict: whether a container is killed or a pod is ready is the worker's to decide.
"""
