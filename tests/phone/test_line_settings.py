"""The phone's settings: what is taken, what is refused and by which name."""

from __future__ import annotations

from typing import Any

import pytest

from workstation.domain.sentence import NOTHING, say
from workstation.phone import meeting, wire
from workstation.phone.engine.main import read_secret
from workstation.phone.settings import BadPhoneSetting, PhoneSettings, read_peer, split_host
from workstation.phone.standing import STRANGERS_MOST, Standing

OFFER = "0a" * 16


def test_the_desk_s_table_is_taken_and_what_is_not_the_engine_s_is_left() -> None:
    table = {"user": "op1", "registrars": ["pbx.test:5070"], "domain": "112.test", "region": "ID", "ca_file": "x"}
    settings = PhoneSettings.from_mapping(table, "d")
    assert (settings.registrar, settings.aor, settings.expires_s) == ("pbx.test:5070", "sip:op1@112.test", 60)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ({"transport": "tls"}, "transport"),
        ({"port": 70_000}, "port"),
        ({"port": "5060"}, "port"),
        ({"expires_s": 1}, "expires_s"),
        ({"registrars": ["pbx"]}, "user"),
        ({"registrars": ["pbx:x"], "user": "a"}, "registrars"),
        ({"peers": ["10.0.0.300"]}, "peers"),
        ({"user": "a b"}, "user"),
        ({"user": "a\r\nX: y"}, "user"),
        ({"rtp_ports": [1, 2]}, "rtp_ports"),
        ({"secret_file": 5}, "secret_file"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(table: dict[str, Any], name: str) -> None:
    with pytest.raises(BadPhoneSetting) as refused:
        PhoneSettings.from_mapping(table, "d")
    assert refused.value.name == name and f"phone.{name}" in str(refused.value)


def test_peers_and_hosts() -> None:
    assert split_host("[::1]:5070", 5060) == ("::1", 5070) and split_host("::1", 5060) == ("::1", 5060)
    assert read_peer("10.0.0.0/24")[1] == 0 and read_peer("10.0.0.1:5080")[1] == 5080
    assert read_peer("::1")[0].version == 6 and read_peer("[::1]:5080")[1] == 5080


def test_a_password_others_can_read_is_not_used(tmp_path: Any) -> None:
    file = tmp_path / "secret"
    file.write_text("pass word\n")
    file.chmod(0o644)
    assert read_secret(str(file)) == ("", say("engine.secret_open", path=str(file)))
    file.chmod(0o600)
    assert read_secret(str(file)) == ("pass word", NOTHING)
    file.write_text("pass word\r\n", encoding="utf-8-sig")  # as Notepad saves it
    assert read_secret(str(file)) == ("pass word", NOTHING)
    assert read_secret(str(tmp_path / "none"))[1] and read_secret("") == ("", NOTHING)


def test_settings_have_a_mark_that_changes_with_them() -> None:
    one = PhoneSettings(data_dir="d")
    assert meeting.settings_mark(one) == meeting.settings_mark(PhoneSettings(data_dir="d"))
    assert meeting.settings_mark(one) != meeting.settings_mark(PhoneSettings(data_dir="d", port=5))


def ringing(offer: str = OFFER, n: int = 1) -> wire.Ringing:
    return wire.Ringing(
        n=n, offer=offer, number="1", display="", dialled="112", key="", sip_call_id="c", identity="", location="", at=5
    )


def hello(*calls: wire.CallFace, upto: int = 0) -> wire.Hello:
    return wire.Hello(calls=calls, upto=upto, muted=False, pid=1)


def test_the_strip_follows_a_call() -> None:
    standing = Standing()
    assert standing.state(0).line == "failed" and standing.state(0).sentence
    standing.event(hello())
    standing.event(wire.Registration(state="registered", reason=NOTHING, since=1, inbound_at=1000))
    assert (standing.state(31_000).may_ring, standing.state(31_001).may_ring) == (True, False)
    standing.event(ringing())
    assert [r.offer.hex() for r in standing.state(0).ringing] == [OFFER]
    standing.event(wire.Answered(n=2, offer=OFFER, at=9))
    state = standing.state(0)
    assert state.ringing == () and (state.talking, state.talking_since_at, state.held) == (
        bytes.fromhex(OFFER),
        9,
        False,
    )
    standing.event(wire.Held(n=3, offer=OFFER, at=10, by="caller"))
    assert not standing.state(0).held  # the caller's hold is not ours to end
    standing.event(wire.Held(n=4, offer=OFFER, at=10))
    assert standing.state(0).held
    standing.event(wire.Levels(rx=0.5, tx=0.25))
    standing.event(wire.Ended(n=5, offer=OFFER, reason="caller_hung_up", at=11))
    state = standing.state(0)
    assert state.talking is None and (state.rx_level, state.tx_level) == (0.0, 0.0)


def test_history_and_strangers_offers_change_nothing() -> None:
    standing = Standing()
    standing.event(hello(upto=7))
    standing.event(ringing(n=7))
    assert standing.calls == ()
    standing.event(wire.Answered(n=8, offer="ff" * 16, at=1))
    assert standing.calls == ()
    standing.event(ringing(n=9))
    standing.engine_lost("gone")
    assert standing.calls == () and standing.state(0).line == "failed" and not standing.state(0).may_ring


@pytest.mark.promise("P1")
def test_strangers_are_kept_for_it_the_newest_and_no_more_than_fit() -> None:
    standing = Standing()
    standing.event(hello())
    for n in range(STRANGERS_MOST + 5):
        standing.event(wire.Scanner(source=f"192.0.2.{n}:5060", at=n, method="INVITE" * 1000))
    kept = standing.state(0).strangers
    assert [s.at for s in kept] == list(range(5, STRANGERS_MOST + 5))
    assert kept[-1].source == f"192.0.2.{STRANGERS_MOST + 4}:5060" and len(kept[-1].method) <= 20


def test_every_message_comes_back_as_it_was() -> None:
    for event in (hello(), ringing(), wire.Ended(offer=OFFER, reason="lost", at=1), wire.Scanner(source="x", at=1)):
        assert wire.read_event(wire.pack(event)) == event
    for command in (wire.Answer(offer=OFFER), wire.Hangup(), wire.Mute(on=True), wire.Ack(n=3), wire.Quit()):
        assert wire.read_command(wire.pack(command)) == command
