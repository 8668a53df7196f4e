"""The routes of the snapshot, asked by hand: ranges, names, who is let in, and how often one is made (S6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import pytest

from sync.refusal import Turned
from sync.snapshot import making, serving
from sync.snapshot.form import Contents, Listed, Part
from tests.sync.archives import enrol_people, past
from tests.sync.desks import Desk, until_in_step
from tests.sync.hubs import HubThread
from tests.sync.test_serve import entered
from tests.waiting import wait_until
from workstation.domain.hlc import SystemClock
from workstation.domain.ids import SystemIds
from workstation.signing import Key
from workstation.store import Store


@pytest.fixture
def hub(log: Store) -> Iterator[HubThread]:
    with HubThread(log) as hub:
        yield hub


@pytest.fixture
def http(hub: HubThread, tmp_path: Path) -> Iterator[httpx.Client]:
    with Desk(tmp_path, "AMB-1") as desk:
        past(desk, 40, 4)
        desk.connect(hub.url)
        until_in_step([desk])
        desk.disconnect()
        with httpx.Client(base_url=hub.url, headers=entered(hub, desk), trust_env=False, timeout=20) as http:
            yield http


def listed(http: httpx.Client, part: str = "all") -> tuple[str, Contents]:
    answer = http.get(f"/v1/snapshot/{part}")
    assert answer.status_code == 200
    found = msgspec.msgpack.decode(answer.content, type=Listed)
    return f"/v1/snapshot/{part}/{found.name}", msgspec.msgpack.decode(found.packed, type=Contents)


@pytest.mark.promise("S6")
def test_a_part_is_given_in_any_range_under_a_name_that_says_what_it_is(http: httpx.Client) -> None:
    path, contents = listed(http)
    whole = http.get(path)
    tag = f'"{path.rsplit("/", 1)[1]}"'
    assert whole.status_code == 200 and len(whole.content) == contents.size and whole.headers["etag"] == tag
    assert whole.headers["accept-ranges"] == "bytes"
    for first, last in ((0, 0), (17, 400), (contents.size - 9, contents.size - 1)):
        part = http.get(path, headers={"range": f"bytes={first}-{last}", "if-range": tag})
        assert part.status_code == 206 and part.content == whole.content[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last}/{contents.size}"
    other = http.get(path, headers={"range": "bytes=3-9", "if-range": '"another"'})
    assert other.status_code == 200 and other.content == whole.content
    behind = http.get(path, headers={"range": f"bytes={contents.size}-"})
    assert behind.status_code == 416 and behind.headers["content-range"] == f"bytes */{contents.size}"


@pytest.mark.promise("S6", "S9")
def test_who_has_not_entered_gets_nothing(http: httpx.Client, hub: HubThread) -> None:
    path, _ = listed(http)
    for asked in ("/v1/snapshot/open", path):
        assert httpx.get(hub.url + asked, trust_env=False).status_code == 401
    for wrong in ("/v1/snapshot/none", "/v1/snapshot/all/" + "0" * 64):
        assert http.get(wrong).status_code == 404


@pytest.mark.promise("S6")
def test_one_is_made_for_all_who_ask_at_once_and_old_ones_go(
    http: httpx.Client, log: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[making.Made] = []
    real = making.make

    def counted(*about: object) -> making.Made:
        made.append(real(*about))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(serving, "make", counted)
    with ThreadPoolExecutor(8) as many:
        names = {path for path, _ in many.map(lambda _: listed(http), range(16))}
    assert len(names) == len(made) == 1
    monkeypatch.setitem(serving.FRESH_S, "all", 0.0)
    for n in range(serving.KEPT + 2):
        enrol_people(log, f"orang{n}")
        names.add(listed(http)[0])
    assert len(names) == len(made) == serving.KEPT + 3
    gone = [http.get(path).status_code for path in names]
    assert sorted(gone) == [200] * serving.KEPT + [404] * 3
    assert sum(each._spool._file.closed for each in made) == 3


@pytest.mark.promise("S6")
def test_a_hub_of_two_sites_and_a_desk_that_serves_give_none(
    http: httpx.Client, hub: HubThread, log: Store, tmp_path: Path
) -> None:
    with Desk(tmp_path, "AMB-2") as second:
        second.connect(hub.url)
        until_in_step([second])
        with pytest.raises(Turned, match="Only a hub"):
            serving.Snapshots(second.store, SystemIds().secret, SystemClock())._source()
    log.believe("TTE", Key(b"other".ljust(32, b"\0")).public)
    answer = http.get("/v1/snapshot/open")
    assert answer.status_code == 404 and "several sites" in answer.json()["sentence"]


@pytest.mark.promise("S6")
@pytest.mark.expected_log("no snapshot can be made")
def test_a_disk_without_room_gives_none(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_spool: object, _plain: bytes) -> None:
        raise OSError(28, "no room")

    monkeypatch.setattr(making._Spool, "put", full)
    answer = http.get("/v1/snapshot/open")
    assert answer.status_code == 404 and "no room" in answer.json()["sentence"]


@pytest.mark.promise("S6")
def test_who_has_the_open_part_finds_everything_being_made(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = making.make

    def told(source: making.Told, part: Part, secret: Callable[[int], bytes]) -> making.Made:
        made.append(part)
        return real(source, part, secret)

    monkeypatch.setattr(serving, "make", told)
    path, contents = listed(http, "open")
    assert http.get(path, headers={"range": "bytes=0-9"}).status_code == 206 and made == ["open"]
    assert http.get(path, headers={"range": f"bytes=10-{contents.size - 1}"}).status_code == 206
    wait_until(lambda: made == ["open", "all"], 10, what="the other part is made")
