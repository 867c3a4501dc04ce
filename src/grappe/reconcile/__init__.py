"""What every controller is made of: runner, work queue, conditions, events, owner references.

A controller built on this knows only the Client. Must never know a particular controller.
"""

from grappe.reconcile.controller import Controller, Key, Reconcile, Result, TerminalError

__all__ = ["Controller", "Key", "Reconcile", "Result", "TerminalError"]
