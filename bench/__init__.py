"""`python -m bench`: how fast and how big grappe is, on this machine, now.

Every rate is also told as a share of what a bare responder (calibrator.py) reaches in the same
run, so that figures of different machines can be compared. docs/performance.md explains them.
"""
