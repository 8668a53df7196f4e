"""From a ringing line to a row on another operator's board, with every real part (SIPp, Kamailio, PulseAudio)."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Scene
from tests.peers.caller import Caller, sipp
from ui.figures import wall
from workstation.demo.desks import Centre, DeskAtHand, stands_in
from workstation.demo.play import AGAIN, ALIKE, CALLER_SAYS, LANDMARK, OPERATOR_SAYS, RIVALS
from workstation.demo.saving import SAVED_MS, late, write_fire
from workstation.demo.speech import correlation, speech

RATE = 8000
NUMBER, SHOWN = "081200004417", "0812 0000 4417"
CALLS = "select status, offers, answered_at is not null, reason from call where rang_at > ?"


def calls_since(desk: DeskAtHand, at: int) -> list[tuple[object, ...]]:
    return [tuple(row) for row in desk.on_disk(CALLS, at)]


def understood(centre: Centre, caller: Caller) -> tuple[float, float]:
    """Both sides speak at once: how much of it the desk hears, and the caller.

    What was cut is said again, as people do: a machine that stands still for 100 ms cuts a sound card's stream.
    """
    said, replied = speech(CALLER_SAYS), speech(OPERATOR_SAYS)
    need = max(len(said), len(replied)) + 2 * RATE
    alike = (0.0, 0.0)
    for _ in range(AGAIN):
        assert caller.voice is not None
        from_here = len(caller.heard())
        caller.voice.again()
        with centre.sound.record("headset1.monitor", rate=RATE) as ear, centre.sound.play(replied, "mic", rate=RATE):
            centre.until(lambda ear=ear: len(ear.pcm()) >= need, 60, "the end of both speeches")
            alike = correlation(said, ear.pcm(), RATE), correlation(replied, caller.heard()[from_here:], RATE)
        if min(alike) >= ALIKE:
            break
    return alike


@pytest.mark.promise("M3", "M4", "S1", "D1", "U2")
def test_a_call_becomes_an_incident_on_two_desks(scene: Scene) -> None:
    centre, (one, two) = scene.centre, scene.centre.desks
    begun_at = centre.clock.now_ms()
    with sipp(scene.pbx, scene.folder, number=NUMBER, speech=speech(CALLER_SAYS)) as caller:
        for desk in (one, two):
            centre.see(desk, SHOWN, "ke 112")
        one.key("F2")
        caller.answered()
        centre.until(lambda: not two.reads("Panggilan masuk"), 20, "desk 2 stops ringing")
        alike = understood(centre, caller)
        assert min(alike) >= ALIKE, alike

        taken = write_fire(centre, one, LANDMARK)
        assert set(taken) == {"place", "landmark", "type"} and not late(taken), taken
        assert one.sealed(LANDMARK) and one.sealed(NUMBER)
        centre.see(two, "Kebakaran bangunan", "Batu Merah")

        for desk in (one, two):
            centre.see(desk, "0 belum terkirim")
        centre.cut()
        centre.edit_landmark(one, RIVALS[0])
        centre.open_from_board(two, LANDMARK)
        centre.edit_landmark(two, RIVALS[1])
        for desk in (one, two):
            centre.see(desk, "1 belum terkirim")
        assert not centre.equal_digest()
        centre.mend()
        assert centre.until(centre.equal_digest, 20, "equal digests of both desks and the hub")
        for desk in (one, two):
            desk.key("Alt+P", "Alt+Down")
            centre.see(desk, *RIVALS)

        one.key("F12")
        caller.wait_over()
    for desk in (one, two):
        centre.until(
            lambda desk=desk: calls_since(desk, begun_at) == [("ended", 2, 1, "desk_hung_up")],
            10,
            f"{desk.name}: one call of two offers, answered",
        )
    people = one.on_disk("select count(*) from op where kind = 'incident.edited'")
    assert people[0][0] >= 4
    who_calls_again_is_known(scene)
    for desk in (one, two):
        desk.key("Ctrl+D")


def who_calls_again_is_known(scene: Scene) -> None:
    """The same number once more: the form tells when it rings, when it called before, for what, and how often."""
    centre, (one, two) = scene.centre, scene.centre.desks
    (rang_at,) = one.on_disk("select max(rang_at) from call")[0]
    ((number,),) = one.on_disk("select number from incident")
    earlier = f"{wall(rang_at)} Darurat Kebakaran bangunan {number}"
    with sipp(scene.pbx, scene.folder, number=NUMBER) as caller:
        for desk in (one, two):
            centre.see(desk, SHOWN, "ke 112")
        two.key("F2")
        caller.answered()
        centre.until(lambda: len(calls_since(one, rang_at)) == 1, 10, "desk 1 has the second call")
        (again_at,) = two.on_disk("select max(rang_at) from call")[0]
        centre.see(two, "1 panggilan dalam 24 jam", f"berdering {wall(again_at)}", earlier)
        two.key("F12")
        caller.wait_over()


@pytest.mark.promise("D1")
def test_a_field_is_judged_by_itself() -> None:
    """Neither another field that was quick nor the median of all makes up for one that was late each time."""
    quick = [SAVED_MS + 1, SAVED_MS, 1900]
    assert late({"place": [1900, 1800, SAVED_MS + 1], "landmark": quick, "type": [7, 7, 7]}) == {
        "place": [1900, 1800, SAVED_MS + 1]
    }
    assert not late({"place": quick, "landmark": quick, "type": quick})


def test_a_number_is_read_whole() -> None:
    bar = "Server terhubung · 10 belum terkirim, tertua 4 s"
    assert stands_in("10 belum terkirim", bar)
    assert not stands_in("0 belum terkirim", bar) and not stands_in("tertua 4", bar.replace("4 s", "41 s"))


@pytest.mark.promise("M11", "P2")
def test_who_gives_up_is_one_abandoned_call_on_both_desks(scene: Scene) -> None:
    centre, (one, two) = scene.centre, scene.centre.desks
    begun_at = centre.clock.now_ms()
    with sipp(scene.pbx, scene.folder, scenario="gives_up", number="081200007731", ring_ms=5000) as caller:
        for desk in (one, two):
            centre.see(desk, "0812 0000 7731", "Terima")
        caller.wait_over()
    for desk in (one, two):
        centre.until(
            lambda desk=desk: [row[:3] for row in calls_since(desk, begun_at)] == [("abandoned", 2, 0)],
            10,
            f"{desk.name}: one abandoned call of two offers",
        )


@pytest.mark.promise("M11")
def test_ring_all_answered_by_one_leaves_nothing_abandoned(scene: Scene) -> None:
    centre, (one, two) = scene.centre, scene.centre.desks
    begun_at = centre.clock.now_ms()
    words = speech("Tolong, ada pohon tumbang menutup jalan di Halong, satu motor tertimpa.")
    with (
        centre.sound.record("headset2.monitor", rate=RATE) as ear,
        sipp(scene.pbx, scene.folder, number=None, speech=words, listen=False) as caller,
    ):
        for desk in (one, two):
            centre.see(desk, "Tanpa nomor", "Terima")
        two.key("F2")
        caller.answered()
        centre.until(lambda: correlation(words, ear.pcm(), RATE) >= ALIKE, 30, "the caller's words")
        two.key("F12", "F12")  # no number: the second press hangs up
        caller.wait_over()
    for desk in (one, two):
        centre.until(
            lambda desk=desk: [row[:3] for row in calls_since(desk, begun_at)] == [("ended", 2, 1)],
            10,
            f"{desk.name}: one answered call of two offers",
        )
    assert "SIP/2.0 487" not in caller.messages()
