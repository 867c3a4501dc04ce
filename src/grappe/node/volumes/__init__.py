"""What pods mount: directories made, filled, kept up to date and removed again.

`payload.py` computes what belongs into a volume (pure), `atomic.py` puts it there at once,
`mounter.py` does it for a pod. Never changes what a hostPath volume points to, except to create it
when its type says so.
"""
