"""Which keys to work on when an object of an owner changes."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.api.selectors import label_selector_from_object
from grappe.client.informer import Informer
from grappe.controllers.informers import NAMESPACE
from grappe.reconcile import Controller
from grappe.reconcile.owners import controller_of


class OwnerWatch:
    """Enqueues the owner when what it manages changes, and those who might adopt an orphan."""

    def __init__(self, controller: Controller, owner: Resource, owners: Informer) -> None:
        self._controller = controller
        self._owner = owner
        self._owners = owners

    def follow(self, informer: Informer) -> None:
        """React to every change of what `informer` shows."""
        informer.add_handler(self._changed)

    def follow_owned(self, informer: Informer) -> None:
        """The same for owners that adopt nothing."""
        informer.add_handler(self._owned_changed)

    def _owned_changed(self, event_type: str, obj: Object, old: Object | None) -> None:
        reference = controller_of(obj)
        if reference is not None:
            self._enqueue_owner(obj, reference)

    def _changed(self, event_type: str, obj: Object, old: Object | None) -> None:
        before = controller_of(old) if old is not None else None
        now = controller_of(obj)
        if before is not None and (now is None or now["uid"] != before["uid"]):
            self._enqueue_owner(obj, before)
        if now is not None:
            self._enqueue_owner(obj, now)
        elif event_type != "DELETED" and (
            old is None
            or before is not None
            or old["metadata"].get("labels") != obj["metadata"].get("labels")
        ):
            self._enqueue_adopters(obj)

    def _enqueue_owner(self, obj: Object, reference: Object) -> None:
        group = reference.get("apiVersion", "").rpartition("/")[0]
        if reference.get("kind") == self._owner.kind and group == self._owner.group:
            self._controller.enqueue(obj["metadata"].get("namespace"), reference["name"])

    def _enqueue_adopters(self, obj: Object) -> None:
        labels = obj["metadata"].get("labels")
        if not labels:
            return
        for owner in self._owners.by_index(NAMESPACE, obj["metadata"].get("namespace", "")):
            stated = owner["spec"].get("selector")
            if stated and label_selector_from_object(stated).matches(labels):
                self._controller.enqueue_object(owner)
