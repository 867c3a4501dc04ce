"""grappe: Kubernetes, complete, in one Python package.

The folders are layers; docs/architecture.md names them and .importlinter enforces them.
"""

__version__ = "0.1.0"
