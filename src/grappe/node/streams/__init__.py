"""Wire protocols of exec, attach and port-forward: SPDY/3.1 and WebSocket framing.

Bytes in, frames out and back; must never know pods or runtimes.
"""
