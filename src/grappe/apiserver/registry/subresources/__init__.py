"""Subresources that are more than the object itself: one module for each family.

Each answers `(backend, call)`; `table` says which belongs to which path.
"""
