"""A screen that dies in the middle of a call: the conversation goes on and what was typed is there, once."""

from __future__ import annotations

import pytest

from tests.flows.conftest import Scene
from tests.peers.caller import Caller, sipp
from tests.peers.rtp import Pcm
from workstation.demo.desks import Centre
from workstation.demo.play import AGAIN, ALIKE
from workstation.demo.saving import write_fire
from workstation.demo.speech import correlation, speech

RATE = 8000
SHOWN = "0812 0000 4418"


def _caller_hears(centre: Centre, caller: Caller, words: Pcm) -> float:
    """How much of what the operator says now the caller hears."""
    from_here = len(caller.heard())
    with centre.sound.play(words, "mic", rate=RATE):
        centre.until(lambda: len(caller.heard()) > from_here + len(words) + 2 * RATE, 60, "the caller to hear it all")
    return correlation(words, caller.heard()[from_here:], RATE)


@pytest.mark.promise("P2", "P3", "U5")
def test_a_killed_screen_comes_back_to_its_call_and_its_typing(own_scene: Scene) -> None:
    scene = own_scene
    centre = scene.centre
    one = centre.desks[0]
    words = speech("Petugas sudah berangkat, tetap di luar rumah, jangan masuk kembali, kami tetap di telepon.")
    with sipp(scene.pbx, scene.folder, number="081200004418") as caller:
        centre.see(one, SHOWN)
        one.key("F2")
        caller.answered()
        write_fire(centre, one, "gang belakang pasar")
        one.key("Alt+C")
        one.type("dua orang di lantai atas")
        centre.until(
            lambda: "lantai atas" in str(one.on_disk("select v from meta where k = 'note_line'")), 20, "the line kept"
        )
        assert one.sealed("lantai atas")

        one = centre.desks[0] = one.kill()
        one.line(60)
        centre.see(one, SHOWN, within_s=30)
        notes = "select count(*) from op where kind = 'incident.noted'"
        centre.until(lambda: one.on_disk(notes)[0][0] == 1, 10, "the line taken up once")
        alike: list[float] = []
        while len(alike) < AGAIN and max(alike, default=0.0) < ALIKE:
            alike.append(_caller_hears(centre, caller, words))
        assert alike[-1] >= ALIKE, ("the conversation is up", alike)
        one.key("F12")
        caller.wait_over()
    centre.until(
        lambda: one.on_disk("select status, offers from call order by rang_at desc limit 1")[0] == ("ended", 2),
        10,
        "one call, ended once",
    )
