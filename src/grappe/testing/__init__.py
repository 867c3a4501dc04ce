"""For tests, ours and users'.

    cluster.py                        a real API server within the test's process
    store_suite.py, runtime_suite.py  what every Store and every Runtime must do
    git_repository.py                 Git repositories, public and private
    isolated.py, host_snapshot.py     a network of the test's own; what it leaves on the machine

Must never be imported by anything that runs in a cluster's processes.
"""
