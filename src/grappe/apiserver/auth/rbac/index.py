"""Roles and bindings, compiled, and kept current with the store.

Nothing is read per request: each change of a role or binding arrives by a watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from grappe.api.selectors import NOTHING, LabelSelector, label_selector_from_object
from grappe.apiserver.auth.names import service_account_user
from grappe.apiserver.auth.rbac.rules import Rule, compile_rules
from grappe.apiserver.records import body_of
from grappe.store.interface import Event, Record, Store, Subscription

Subject = tuple[str, str]
"""("User" or "Group", name): a service account is the user it authenticates as."""


@dataclass(frozen=True, slots=True)
class Role:
    rules: tuple[Rule, ...]
    labels: dict[str, str] = field(default_factory=dict)
    aggregates: tuple[LabelSelector, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """`namespace` is empty for a ClusterRoleBinding; `role` is the key of the role it names."""

    name: str
    namespace: str
    role_kind: str
    role_name: str
    subjects: tuple[tuple[Subject, str], ...]
    """Each subject with the words that describe it to people."""


def parse_role(obj: Object, labels: dict[str, str]) -> Role:
    aggregation = obj.get("aggregationRule") or {}
    selectors = aggregation.get("clusterRoleSelectors") or ()
    return Role(
        compile_rules(obj.get("rules")),
        labels,
        tuple(_selector(selector) for selector in selectors),
    )


def _selector(obj: Object) -> LabelSelector:
    try:
        return label_selector_from_object(obj)
    except ApiError:  # stored before it was checked: better no grant than no server
        return NOTHING


def parse_binding(obj: Object, key: str) -> Binding:
    namespace, _, name = key.rpartition("/")
    role = obj.get("roleRef") or {}
    subjects: list[tuple[Subject, str]] = []
    for subject in obj.get("subjects") or ():
        kind, who = subject.get("kind", ""), subject.get("name", "")
        if kind == "ServiceAccount":
            home = subject.get("namespace") or namespace
            if home:
                told = f'ServiceAccount "{who}/{home}"'
                subjects.append((("User", service_account_user(home, who)), told))
        elif kind in ("User", "Group"):
            subjects.append(((kind, who), f'{kind} "{who}"'))
    return Binding(name, namespace, role.get("kind", ""), role.get("name", ""), tuple(subjects))


class RbacIndex:
    """`cluster_roles` by name, `roles` by `namespace/name`; bindings by what they bind.

    `changed` is called after each change, so that decisions remembered elsewhere are dropped.
    """

    def __init__(self) -> None:
        self.cluster_roles: dict[str, Role] = {}
        self.roles: dict[str, Role] = {}
        self._bindings: dict[str, dict[str, Binding]] = {}  # namespace ("": cluster) → name
        self._by_subject: dict[str, dict[Subject, list[Binding]]] | None = None
        self._subscriptions: list[Subscription] = []
        self._listeners: list[Callable[[], None]] = []

    # -- keeping current -----------------------------------------------------------------------
    def start(self, store: Store) -> None:
        """Read everything once and follow what changes."""
        self.stop()
        self.cluster_roles.clear()
        self.roles.clear()
        self._bindings.clear()
        for bucket, load in (
            (CLUSTER_ROLES.bucket, self._load_cluster_role),
            (ROLES.bucket, self._load_role),
            (CLUSTER_ROLE_BINDINGS.bucket, self._load_binding),
            (ROLE_BINDINGS.bucket, self._load_binding),
        ):
            revision = store.revision
            for record in store.list(bucket):
                load(record, False)
            self._subscriptions.append(store.watch(bucket, revision, partial(self._apply, load)))
        self._forget()

    def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        self._subscriptions.clear()

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def _apply(self, load: Callable[[Record, bool], None], events: Sequence[Event]) -> None:
        for event in events:
            load(event.record, event.type == "DELETED")
        self._forget()

    def _forget(self) -> None:
        self._by_subject = None
        for listener in self._listeners:
            listener()

    def _load_cluster_role(self, record: Record, gone: bool) -> None:
        if gone:
            self.cluster_roles.pop(record.key, None)
        else:
            self.cluster_roles[record.key] = parse_role(body_of(record), dict(record.labels))

    def _load_role(self, record: Record, gone: bool) -> None:
        if gone:
            self.roles.pop(record.key, None)
        else:
            self.roles[record.key] = parse_role(body_of(record), {})

    def _load_binding(self, record: Record, gone: bool) -> None:
        namespace, _, name = record.key.rpartition("/")
        if gone:
            self._bindings.get(namespace, {}).pop(name, None)
        else:
            bindings = self._bindings.setdefault(namespace, {})
            bindings[name] = parse_binding(body_of(record), record.key)

    # -- asking --------------------------------------------------------------------------------
    def rules_of(self, role_kind: str, role_name: str, namespace: str) -> tuple[Rule, ...] | None:
        """What a binding in `namespace` grants by naming this role; None: no such role.

        An aggregated ClusterRole grants the rules of the roles it selects, and only those.
        """
        if role_kind == "Role":
            role = self.roles.get(f"{namespace}/{role_name}")
            return role.rules if role else None
        if role_name not in self.cluster_roles:
            return None
        return tuple(self._effective(role_name, set()))

    def aggregated(self) -> list[str]:
        """The names of the aggregated ClusterRoles."""
        return [name for name, role in self.cluster_roles.items() if role.aggregates]

    def outdated(self, name: str) -> tuple[Rule, ...] | None:
        """The rules an aggregated ClusterRole grants, if they are not those stored in it."""
        role = self.cluster_roles.get(name)
        if role is None or not role.aggregates:
            return None
        granted = tuple(self._effective(name, set()))
        return None if set(granted) == set(role.rules) else granted

    def _effective(self, name: str, seen: set[str]) -> dict[Rule, None]:
        seen.add(name)
        role = self.cluster_roles[name]
        if not role.aggregates:
            return dict.fromkeys(role.rules)
        found: dict[Rule, None] = {}
        for other, selected in sorted(self.cluster_roles.items()):
            if other not in seen and any(s.matches(selected.labels) for s in role.aggregates):
                found |= self._effective(other, seen)
        return found

    def bindings(
        self, user: str, groups: Sequence[str], namespace: str
    ) -> Iterator[tuple[Binding, str]]:
        """Each binding that gives something to this user at the cluster scope and, with a
        namespace, in it; with the words that describe the subject."""
        if self._by_subject is None:
            self._by_subject = self._group_by_subject()
        for scope in ("", namespace) if namespace else ("",):
            subjects = self._by_subject.get(scope)
            if subjects is None:
                continue
            for wanted in (("User", user), *(("Group", group) for group in groups)):
                for binding in subjects.get(wanted, ()):
                    yield binding, next(told for s, told in binding.subjects if s == wanted)

    def _group_by_subject(self) -> dict[str, dict[Subject, list[Binding]]]:
        found: dict[str, dict[Subject, list[Binding]]] = {}
        for namespace, bindings in self._bindings.items():
            subjects = found.setdefault(namespace, {})
            for _, binding in sorted(bindings.items()):
                for subject in dict.fromkeys(subject for subject, _ in binding.subjects):
                    subjects.setdefault(subject, []).append(binding)
        return found
