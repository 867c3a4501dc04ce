"""Stop a node, or remove all that it left on the machine. Works also when the agent is dead.

Called by the command line's `down` and `delete`, in whatever namespaces that runs.
"""
