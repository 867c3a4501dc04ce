"""For tests, ours and users': a pytest fixture with a real API server, conformance suites for the
seams of grappe. Never imported by anything that ships in a process.
"""
