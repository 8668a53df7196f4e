from __future__ import annotations

from pathlib import Path

import pytest

from sync.hub.settings import key_in
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.paths import Layers, Places
from workstation.settings import Settings, SettingsWrong, load

NOWHERE = Path("/nonexistent")


def ranks(folder: Path) -> Layers:
    return Layers(folder / "user.toml", folder / "machine.toml", folder / "policy.toml")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_has_its_default() -> None:
    assert load(ranks=Layers(NOWHERE, NOWHERE, NOWHERE)) == Settings()


def test_policy_stands_over_machine_over_user(tmp_path: Path) -> None:
    layers = ranks(tmp_path)
    write(
        layers.user, '[desk]\nname = "Meja 3"\nprefix = "AMB-3"\n[screen]\nlanguage = "en"\n[targets_s]\nnotify = 40\n'
    )
    write(
        layers.machine, '[desk]\nprefix = "AMB-4"\n[hub]\nurl = "https://hub.example:8112"\n[targets_s]\nanswer = 10\n'
    )
    write(layers.policy, '[hub]\nurl = "https://city.example"\n')
    settings = load(ranks=layers)
    assert (settings.desk.name, settings.desk.prefix) == ("Meja 3", "AMB-4")
    assert (settings.hub.url, settings.screen.language) == ("https://city.example", "en")
    assert settings.targets_s == {"notify": 40, "answer": 10}
    assert settings.files == (layers.user, layers.machine, layers.policy)


def test_a_named_file_stands_in_place_of_user_and_machine_but_not_of_policy(tmp_path: Path) -> None:
    layers = ranks(tmp_path)
    write(layers.user, '[desk]\nname = "Meja 3"\n')
    write(layers.policy, '[desk]\nsite = "city"\n')
    settings = load(write(tmp_path / "own.toml", '[desk]\nname = "Meja 9"\nsite = "mine"\n'), layers)
    assert (settings.desk.name, settings.desk.site) == ("Meja 9", "city")


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('[desk]\nname = "Meja 3"\nnme = "x"\n', "desk.nme", 3),
        ("# a comment\n[phone]\n\nport = 70000\n", "phone.port", 4),
        ('[phone]\nport = "5060"\n', "phone.port", 2),
        ("[phone]\nport = true\n", "phone.port", 2),
        ('[screen]\nlanguage = "fr"\n', "screen.language", 2),
        ('[desk]\nprefix = "amb 3"\n', "desk.prefix", 2),
        ('[desk]\nname = ""\n', "desk.name", 2),
        ('[hub]\nurl = "hub.example"\n', "hub.url", 2),
        ('[phone]\npeers = "10.0.0.1"\n', "phone.peers", 2),
        ('[store]\nplain = "no"\n', "store.plain", 2),
        ("[targets_s]\nnotify = 0\n", "targets_s.notify", 2),
        ("[duty]\npln = 123\n", "duty.pln", 2),
        ("[colour]\nred = 1\n", "colour", 1),
        ('desk = "Meja 3"\n', "desk", 1),
        ('screen.palette = "pink"\n', "screen.palette", 1),
        ("[desk]\nname = \n", "settings file", 2),
        ('[desk]\nsite = "ambon"\nzone = "Asia/Nowhere"\n', "desk.zone", 3),
        ('[desk]\nzone = "Asia"\n', "desk.zone", 2),
        ('[desk]\nzone = "../etc/passwd"\n', "desk.zone", 2),
        ('[hub]\nurl = "http://[::1"\n', "hub.url", 2),
        ('[hub]\nurl = "http://h:99999999/"\n', "hub.url", 2),
        ('[hub]\nurl = "http://:8112"\n', "hub.url", 2),
        ('[hub]\nurl = "http://somebody:secret@h"\n', "hub.url", 2),
        ('[store]\nfolder = "~nobody-of-this-name/x"\n', "store.folder", 2),
        ('[store]\nfolder = "a\\u0000b"\n', "store.folder", 2),
    ],
)
def test_a_wrong_setting_is_named_with_file_and_line(tmp_path: Path, text: str, name: str, line: int) -> None:
    file = write(tmp_path / "settings.toml", text)
    with pytest.raises(SettingsWrong) as wrong:
        load(file, ranks(tmp_path))
    assert (wrong.value.name, wrong.value.file, wrong.value.line) == (name, file, line)
    assert str(wrong.value).startswith(f"{file}:{line}: {name}: ")


@pytest.mark.parametrize(
    "url", ["", "http://hub", "https://hub.example:8112/site", "http://[::1]:8112", "http://10.0.0.1"]
)
def test_a_hub_has_an_address(tmp_path: Path, url: str) -> None:
    assert load(write(tmp_path / "settings.toml", f'[hub]\nurl = "{url}"\n'), ranks(tmp_path)).hub.url == url


def test_where_a_setting_was_written_is_known_after_reading(tmp_path: Path) -> None:
    layers = ranks(tmp_path)
    write(layers.user, '[phone]\nuser = "op1"\n\nbind = "here"\n')
    write(layers.policy, '# the site\n[phone]\nuser = "op2"\n')
    settings = load(ranks=layers)
    assert settings.written == {"phone.user": (layers.policy, 3), "phone.bind": (layers.user, 4)}
    assert str(settings.wrong("phone.bind", "no")) == f"{layers.user}:4: phone.bind: no"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="cannot be read"):
        load(tmp_path / "gone.toml", ranks(tmp_path))


def test_a_file_saved_by_notepad_is_read_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(b'\xef\xbb\xbf[desk]\r\nname = "Meja 3"\r\n')
    settings = load(file, ranks(tmp_path))
    assert (settings.desk.name, settings.written["desk.name"]) == ("Meja 3", (file, 2))
    key = tmp_path / "hub.key"
    key.touch(0o600)
    key.write_text("ab" * 32, encoding="utf-8-sig")
    assert key_in(key, tmp_path / "hub.db", SystemIds(SystemClock())).value == b"\xab" * 32


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().desk.name = "other"  # type: ignore[misc]


def test_the_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    places = Places(tmp_path / "a" / "b").make()
    assert places.folder.stat().st_mode & 0o777 == 0o700
