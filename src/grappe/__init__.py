"""grappe: Kubernetes, complete, in one Python package.

The folders are layers, which must never import upwards: docs/architecture.md says what each is for,
.importlinter enforces it.
"""

__version__ = "0.1.0"
