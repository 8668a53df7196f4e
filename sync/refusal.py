"""How a server says no: an HTTP status, a word for the program, a sentence for a person with curl."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from sync import protocol


class Turned(Exception):
    """A request that is answered with an error: HTTP `status`, and what to say."""

    def __init__(
        self, status: int, error: str, sentence: str, *, vector: dict[int, int] | None = None, wait_s: int = 0,
        replica: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(sentence)
        self.status, self.wait_s = status, wait_s
        self.refusal = protocol.Refusal(sentence, vector or {}, error, replica)
        self.headers: dict[str, str] = {}

    def response(self) -> Response:
        headers = self.headers | ({"retry-after": str(self.wait_s)} if self.wait_s else {})
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        body = msgspec.json.encode(self.refusal)
        return Response(body, self.status, headers, media_type="application/json")
