"""Job: runs pods until enough of them have succeeded.

watches        jobs, pods
owns           pods that carry a controller reference to a Job, and their finalizer
               `batch.kubernetes.io/job-tracking`
writes         pods (create, delete, finalizer, owner references), jobs/status, events
never touches  the Job's spec; pods of other owners

https://kubernetes.io/docs/concepts/workloads/controllers/job/

    counting.py   finished pods are counted once, whatever is killed in between
    indexes.py    completion indexes as text and as numbers
    backoff.py    how long to wait after failures
    policy.py     podFailurePolicy
    perindex.py   backoffLimitPerIndex: failures counted, and waited for, index by index
    ending.py     when it ends, and how: limits, deadline, failed indexes, successPolicy
    pods.py       the pods it makes
    decide.py     all of it put together
"""
