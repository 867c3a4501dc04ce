"""Read an Application's sources and make targets of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from grappe.api.resources import Resource
from grappe.client.discovery import RESTMapper, UnknownKindError
from grappe.delivery.application import Application, Source
from grappe.delivery.render.directory import Manifest, render, select
from grappe.delivery.sources.repositories import Repositories
from grappe.delivery.targets import Target, Targets, prepare

_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Desired:
    """What an Application wants at certain commits, one for each source."""

    revisions: tuple[str, ...]
    targets: Targets

    @property
    def resources(self) -> frozenset[Resource]:
        """The resources of everything wanted, hooks too, as far as they are served."""
        every: Iterable[Target] = (*self.targets.kept, *self.targets.hooks)
        return frozenset(t.resource for t in every if t.resource is not None)


class DesiredState:
    """Raises SourceError and RenderError, whose messages are for the user."""

    def __init__(self, repositories: Repositories, mapper: RESTMapper) -> None:
        self._repositories = repositories
        self._mapper = mapper
        # Rendered folders by source and commit: these never change.
        self._rendered: OrderedDict[tuple[Source, str], list[Manifest]] = OrderedDict()

    async def load(
        self, app: Application, sources: Sequence[Source], *, refresh: bool = False
    ) -> Desired:
        """Resolve every source's revision and read its manifests; `refresh` asks the repositories
        again instead of trusting what polling saw."""
        manifests: list[Manifest] = []
        revisions = []
        for source in sources:
            revision = await self._repositories.resolve(
                source.repo_url, source.target_revision, refresh=refresh
            )
            revisions.append(revision)
            manifests += await self._render(source, revision)
        kinds = {(m.object["apiVersion"], m.object["kind"]) for m in manifests}
        served = {kind: await self._served(*kind) for kind in kinds}
        targets = prepare(manifests, app, lambda version, kind: served[version, kind])
        return Desired(tuple(revisions), targets)

    def forget(self, sources: Sequence[Source]) -> None:
        """Read these sources' files anew (a hard refresh)."""
        urls = {source.repo_url for source in sources}
        for key in [key for key in self._rendered if key[0].repo_url in urls]:
            del self._rendered[key]

    async def _render(self, source: Source, revision: str) -> list[Manifest]:
        key = replace(source, target_revision=""), revision
        known = self._rendered.get(key)
        if known is None:
            files = await self._repositories.files(
                source.repo_url,
                revision,
                source.path,
                lambda names: select(
                    names, recurse=source.recurse, include=source.include, exclude=source.exclude
                ),
                recurse=source.recurse,
            )
            folder = f"{source.path}/" if source.path else ""
            known = render({f"{folder}{name}": content for name, content in files.items()})
            self._rendered[key] = known
            if len(self._rendered) > _REMEMBERED:
                self._rendered.popitem(last=False)
        self._rendered.move_to_end(key)
        return known

    async def _served(self, api_version: str, kind: str) -> Resource | None:
        try:
            return await self._mapper.resource(api_version, kind)
        except UnknownKindError:
            return None
