"""The node agent: makes the pods bound to its node real on a container runtime and reports back.

    agent.py     what runs: registration, pods, probes, the kubelet's HTTPS server
    registration.py, machine.py   the Node object, its heartbeats, what the machine has
    references.py                 ConfigMaps and Secrets in use
    cgroups.py, cleanup.py        what a node leaves on a machine, and taking it away
    pods/        one worker for each pod: look → decide → act → report
    volumes/     what a pod mounts
    probes/      startup, readiness and liveness
    runtime/     the seam to containerd, or to simulated containers
    server/      logs, exec, attach and port-forward for the API server
    logs/        container logs: read, followed, rotated
    streams/     SPDY and WebSocket

Reaches the cluster through the Client only; never imports the network package or the server.
"""
