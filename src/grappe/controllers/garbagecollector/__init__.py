"""Garbage collector: deletes what has lost its last owner, and carries out the three ways of
deleting an owner (Background, Foreground, Orphan).

watches        the metadata of every object of every resource but events
owns           the finalizers `foregroundDeletion` and `orphan`
writes         deletes objects; takes owner references and its finalizers off
never touches  anything else of an object

https://kubernetes.io/docs/concepts/architecture/garbage-collection/

    graph.py    who depends on whom
    decide.py   what to do with one object
"""
