"""The actor: who asks, with what roles, as a plain frozen value that every selector and service takes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or the system itself) with their roles per organisation."""

    identity_id: str
    name: str
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    """Organisation id → roles there."""
    is_system: bool = False

    def organisations(self) -> frozenset[str]:
        """Ids of the organisations this actor belongs to in any role."""
        return frozenset(self.roles)

    def has(self, role: str, organisation_id: str | None = None) -> bool:
        """Whether the actor holds a role, in one organisation or (``None``) anywhere."""
        if organisation_id is not None:
            return role in self.roles.get(organisation_id, frozenset())
        return any(role in held for held in self.roles.values())


SYSTEM = Actor(identity_id="system", name="Hesuan", is_system=True)
"""The hub acting by itself: the worker, the clock."""
