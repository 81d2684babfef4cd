"""The window's program as a whole: the way it takes, and the place that it remembers."""

import os
import stat
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from crosstrade_panel.storage.settings import SettingsFile
from tests.e2e.conftest import anyio_backend, collected_on_this_thread  # noqa: F401 - fixtures: Qt's own loop
from tests.e2e.panel import running, until
from tests.security.fake_proxy import REFUSED, FakeProxy

TOKEN = "made-up-token-of-a-window"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.anyio
@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
async def test_the_windows_place_is_private(qapp: QApplication, home_of_its_own: Path) -> None:
    place = home_of_its_own / "config" / "window.ini"
    before = os.umask(0)
    try:
        async with running(qapp) as panel:
            pass
        panel.program._geometry.sync()
        assert (mode(place), mode(place.parent)) == (0o600, 0o700)
        assert QSettings(str(place), QSettings.Format.IniFormat).contains("layouts/last")
        place.chmod(0o666)
        async with running(qapp) as panel:
            pass
        panel.program._geometry.sync()
        assert mode(place) == 0o600
    finally:
        os.umask(before)


@pytest.mark.anyio
@pytest.mark.parametrize("allowed", [False, True])
async def test_the_window_goes_through_a_proxy_only_when_it_is_allowed(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch, *, allowed: bool
) -> None:
    monkeypatch.setenv("CROSSTRADE_TOKEN", TOKEN)
    for name in ("no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    SettingsFile(home_of_its_own / "config" / "settings.toml").save({"use_system_proxy": allowed})
    async with FakeProxy(answer=REFUSED) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        async with running(qapp, base_url="https://panel.invalid") as panel:
            await until(lambda: panel.program._gateway, "a gateway")
            gateway = panel.program._gateway
            assert gateway is not None
            await until(lambda: gateway.report.failure, "a read that failed")
        assert any(head.startswith(b"CONNECT panel.invalid:443 ") for head in proxy.heads) is allowed
        assert all(TOKEN.encode() not in head for head in proxy.heads)
