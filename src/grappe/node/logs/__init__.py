"""Container logs: files in CRI's format, read for `kubectl logs`, rotated when they grow.

`entries.py` is the format (pure), `reader.py` reads and follows, `rotation.py` keeps files small.
Must never write a line itself: the runtime does.
"""
