"""One worker for each pod bound to this node: look → decide → act → report.

`decide.py` and everything it uses (`backoff`, `spec`, `environment`, `config`, `status` …) is pure;
only `worker`, `observer`, `actions`, `report`, `images`, `mounts`, `hooks` and `manager`
do I/O. Must never remember what runs: the runtime is asked.
"""
