"""One action as answers show it, the same in every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rotator.model import Shut, Wait

if TYPE_CHECKING:
    from rotator.model import Action

__all__ = ["action_row"]


def action_row(action: Action) -> dict[str, Any]:
    """An action as answers show it; where a gate is shut, the action behind it."""
    told = action.behind if isinstance(action, Shut) else action
    return {
        "action": told.name,
        "access_key_id": told.harmed,
        "reason": told.reason,
        "message": action.message,
        "at": action.until if isinstance(action, Wait | Shut) else None,
        "gate": action.reason if isinstance(action, Shut) else None,
    }
