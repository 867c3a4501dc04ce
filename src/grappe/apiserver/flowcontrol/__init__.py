"""API priority and fairness: whose requests are worked on when there are more than can be.

https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
`objects` are the default FlowSchemas and priority levels, `schemas` says which one a request
belongs to, `dangling` which of them name no level; `levels` gives out seats, `turns` turns, and
`control` is what requests meet. What is scarce is the time of one event loop, so that a seat is one
write, or one long list, that is under way; what is answered at once takes turns. Must never hold up
system:masters, nor cost a request that need not wait more than a look-up.
"""

from grappe.apiserver.flowcontrol.control import Flow, FlowControl, Takes, takes
from grappe.apiserver.flowcontrol.dangling import DanglingConditions
from grappe.apiserver.flowcontrol.objects import flow_objects

__all__ = ["DanglingConditions", "Flow", "FlowControl", "Takes", "flow_objects", "takes"]
