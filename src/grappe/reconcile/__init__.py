"""What every controller is made of: runner, work queue, conditions, events, owner references.

A controller built on this knows only the Client. Must never know a particular controller.
"""
