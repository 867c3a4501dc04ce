"""Subresources that are more than the object itself: one module for each family.

Each answers `(backend, call)`; `dispatch` of the registry says which belongs to which path. Must
never commit past the registry's own way of writing.
"""
