"""Where manifests come from: Git repositories, remote or on this machine, read by the real git.

Files are read straight from Git's object store: nothing is ever checked out, so nothing in a
repository can be written to or followed on this machine's disk. Must never know of Kubernetes.
"""


class SourceError(Exception):
    """A source cannot be read; the message says which, why, and what to do. Holds no secret."""
