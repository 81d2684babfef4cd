"""What the command line can be asked to do beside a press. By itself: no press waits for its loading."""

from typing import TYPE_CHECKING, TypeAlias

from crosstrade_panel.domain.value import dataclass

if TYPE_CHECKING:
    from crosstrade_panel.cli_arguments import Where


@dataclass(frozen=True, slots=True)
class StatusCommand:
    """Read once, and say what is open."""

    where: "Where"
    json: bool = False


@dataclass(frozen=True, slots=True)
class SimulatorCommand:
    """Run the practice exchange alone."""

    port: int
    seed: int
    drill: str | None = None


@dataclass(frozen=True, slots=True)
class DiagnoseCommand:
    """Say what the program finds around itself."""

    where: "Where"


@dataclass(frozen=True, slots=True)
class VersionCommand:
    """Say which version this is."""


@dataclass(frozen=True, slots=True)
class ShortcutCommand:
    """Put the window into the system's menu, or take it out again."""

    wanted: bool


Errand: TypeAlias = StatusCommand | SimulatorCommand | ShortcutCommand | DiagnoseCommand | VersionCommand
