"""Make the cluster what the repository says: in what order, step by step, and with what result.

`tasks` and `decide` are pure; `perform` writes. A sync that is interrupted anywhere goes on from
the Application's `status.operationState`.
"""
