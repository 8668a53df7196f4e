from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from workstation.domain.ids import SystemIds
from workstation.settings import Settings, StoreSettings
from workstation.store import Store, StoreRefused
from workstation.store.keys import KeyMissing, find, store_key


class Locker(KeyringBackend):
    """A keyring in memory, for machines that have one."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def locker() -> Iterator[Locker]:
    before, locker = keyring.get_keyring(), Locker()
    keyring.set_keyring(locker)
    yield locker
    keyring.set_keyring(before)


def settings(folder: Path, **store: object) -> Settings:
    return Settings(store=StoreSettings(folder=str(folder), **store))  # type: ignore[arg-type]


@pytest.mark.promise("D1")
@pytest.mark.expected_log("no keyring answers")
def test_without_a_keyring_the_key_lies_in_a_private_file_and_this_is_said(tmp_path: Path) -> None:
    own = settings(tmp_path)
    key = store_key(own, SystemIds())
    assert key is not None and len(key) == 32
    assert own.places.key.stat().st_mode & 0o777 == 0o600
    assert store_key(own, SystemIds()) == key
    own.places.key.write_text(key.hex(), encoding="utf-8-sig")  # a copy brought back with Notepad
    assert store_key(own, SystemIds()) == key
    found = find(own)
    assert found is not None and found.kept_in == "file"


@pytest.mark.promise("D1")
def test_a_keyring_that_answers_keeps_the_key_and_no_file_is_made(tmp_path: Path, locker: Locker) -> None:
    own = settings(tmp_path)
    key = store_key(own, SystemIds())
    assert not own.places.key.exists() and len(locker.kept) == 1
    assert store_key(own, SystemIds()) == key
    assert store_key(settings(tmp_path / "other"), SystemIds()) != key
    found = find(own)
    assert found is not None and found.kept_in == "keyring"


@pytest.mark.promise("D1")
def test_a_keyring_that_is_demanded_and_silent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="keyring"):
        store_key(settings(tmp_path, key="keyring"), SystemIds())


@pytest.mark.promise("D1")
def test_no_new_key_is_made_beside_a_record_that_exists(tmp_path: Path, locker: Locker) -> None:
    own = settings(tmp_path)
    Store.open(own.places.store, store_key(own, SystemIds())).close()
    locker.kept.clear()
    before = own.places.store.read_bytes()
    with pytest.raises(KeyMissing, match="bring the key back"):
        store_key(own, SystemIds())
    assert own.places.store.read_bytes() == before
    own.places.key.write_text("00" * 32)
    own.places.key.chmod(0o600)
    with pytest.raises(StoreRefused):
        Store.open(own.places.store, store_key(own, SystemIds()))


@pytest.mark.promise("D1")
@pytest.mark.parametrize(("text", "mode", "said"), [("abcd", 0o600, "no key"), ("00" * 32, 0o644, "0600")])
def test_a_key_file_that_is_none_or_open_to_others_is_refused(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:  # fmt: skip
    own = settings(tmp_path)
    own.places.key.write_text(text)
    own.places.key.chmod(mode)
    with pytest.raises(KeyMissing, match=said):
        store_key(own, SystemIds())


@pytest.mark.promise("D1")
def test_a_plain_record_has_no_key(tmp_path: Path) -> None:
    assert store_key(settings(tmp_path, plain=True), SystemIds()) is None
    assert not (tmp_path / "store.key").exists()
