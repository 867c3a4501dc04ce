"""Which parts run together in which process, and a cluster's life as a whole.

    server.py, node.py, platform.py   one module for each role: `python -m grappe.assembly.ROLE DIR`
    supervisor.py                     starts the roles, and again whatever ends
    inprocess.py                      the Client's transport within the server's own process
    cluster.py                        create, start, wait for, stop, delete: what the CLI calls
    report.py, probe.py               what `grappe status` says
    pidfile.py, ports.py

Must never hold a rule of Kubernetes, nor anything another process would have to know: what a role
needs is in the cluster's directory.
"""
