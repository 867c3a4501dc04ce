"""Make the cluster what the repository says: in what order, step by step, and with what result.

`tasks` and `decide` are pure; `perform` writes, and must never touch what the status does not name
yet: a sync that is interrupted anywhere goes on from the Application's `status.operationState`.
"""
