"""The course model behind a socket: what a real client, a broken one and a crowd get from it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cai_helpers.course_model import MODEL_ID, CourseModel, mount, serve
from cai_helpers.course_model import server as server_module
from cai_helpers.course_model.http_body import BadBody, declared
from cai_helpers.course_model.server import LocalServer, is_loopback

HEADERS = {"x-api-key": "k", "Authorization": "Bearer k", "anthropic-version": "2026-10-21"}
HELLO = [{"role": "user", "content": "Why is the sky blue?"}]
BODY = {"model": MODEL_ID, "max_tokens": 900, "messages": HELLO}
PATHS = ["/v1/messages", "/v1/chat/completions"]
VOLATILE = {"connection", "date", "transfer-encoding", "access-control-allow-origin", "access-control-expose-headers"}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with serve(patience=10) as running:
        yield running


def ask(server: LocalServer, path: str = PATHS[0], session: Any = requests, **more: Any) -> requests.Response:
    return session.post(server.url + path, headers=HEADERS, json={**BODY, **more}, timeout=20)


def raw(server: LocalServer, data: bytes, half: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes as they are (half: and then close our side); the answer's status, headers and body."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        if half:
            connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()


def post_head(length: object, *lines: str, path: str = "/v1/messages") -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: x", "x-api-key: k", "anthropic-version: 2026-10-21"]
    return "\r\n".join([*head, *([f"content-length: {length}"] if length is not None else []), *lines, "", ""]).encode()


# The same handler, another door


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_same_answer_through_both_doors(path: str, stream: bool) -> None:
    session = requests.Session()
    mount(session)
    host = "https://api.anthropic.com" if path == PATHS[0] else "https://api.openai.com"
    here = session.post(host + path, headers=HEADERS, json={**BODY, "stream": stream}, timeout=5)
    with serve() as server:
        there = ask(server, path, stream=stream)
    assert there.content == here.content and there.status_code == here.status_code == 200
    mine, other = dict(here.headers), {k: v for k, v in there.headers.items() if k.lower() not in VOLATILE}
    assert other == mine


def test_both_key_headers_and_both_versions(server: LocalServer) -> None:
    for key in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
        for version, status in (("2023-06-01", 200), ("2026-10-21", 400)):
            headers = {**key, "anthropic-version": version}
            body = {**BODY, "temperature": 1.0}
            found = requests.post(server.url + PATHS[0], headers=headers, json=body, timeout=5)
            assert found.status_code == status
            assert found.headers["request-id"] == found.json().get("request_id", found.headers["request-id"])
    assert requests.post(server.url + PATHS[0], json=BODY, timeout=5).status_code == 401


def test_models_in_the_shape_of_the_asker(server: LocalServer) -> None:
    page = requests.get(server.url + "/v1/models", headers={"x-api-key": "k", "anthropic-version": "2026-10-21"})
    assert page.json()["data"][0]["lifecycle"] == "active" and "has_more" in page.json()
    listed = requests.get(server.openai_url + "/models", headers={"authorization": "Bearer k"}).json()
    assert listed["object"] == "list" and MODEL_ID in [model["id"] for model in listed["data"]]
    assert requests.get(server.url + "/v1/models", headers={"x-api-key": "k"}).status_code == 400


def test_a_wrong_base_url_is_named(server: LocalServer) -> None:
    for path, hint in (("/v1/v1/messages", "Leave /v1 out"), ("/chat/completions", "Add /v1"), ("/v1/x", "Not found")):
        found = ask(server, path)
        assert found.status_code == 404 and hint in found.json()["error"]["message"]


def test_health_needs_no_key(server: LocalServer) -> None:
    for path in ("/", "/health"):
        assert requests.get(server.url + path, timeout=5).json()["model"] == MODEL_ID
    assert requests.head(server.url + "/health", timeout=5).content == b""


def test_listed_faults_happen_to_whoever_comes() -> None:
    with serve(faults=["429", "cut", "502-html", "not-json", None]) as server:
        assert ask(server).headers["retry-after"] == "1"
        with pytest.raises(requests.ConnectionError):
            ask(server)
        assert ask(server).status_code == 502
        with pytest.raises(ValueError):
            ask(server).json()
        assert ask(server).status_code == 200
        assert server.model.requests_seen == 5


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_that_breaks(path: str) -> None:
    with serve(faults=["stream-cut", "stream-error", "stream-end"]) as server:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            ask(server, path, stream=True)
        assert b"Overloaded" in ask(server, path, stream=True).content
        assert not ask(server, path, stream=True).content.rstrip().endswith((b'"message_stop"}', b"[DONE]"))


def test_a_stream_arrives_piece_by_piece() -> None:
    """An event is sent when its pause is over, and the pause ends here when the event before it has been read."""
    go, parts = threading.Semaphore(1), []
    with serve(pace=1, sleep=lambda _: go.acquire(timeout=10)) as server:
        body = {**BODY, "stream": True}
        answer = requests.post(server.url + PATHS[0], headers=HEADERS, json=body, stream=True, timeout=10)
        for part in answer.iter_content(None):
            parts.append(part.count(b"event: "))
            go.release()
    assert len(parts) > 20 and set(parts) == {1}


def test_http_1_0_gets_a_stream_without_chunks(server: LocalServer) -> None:
    body = json.dumps({**BODY, "stream": True}).encode()
    head = post_head(len(body)).replace(b"HTTP/1.1", b"HTTP/1.0")
    status, headers, said = raw(server, head + body)
    assert status == 200 and "transfer-encoding" not in headers and said.startswith(b"event: message_start\ndata:")
    assert said.rstrip().endswith(b'"message_stop"}')


def test_web_pages_may_ask(server: LocalServer) -> None:
    asked = {
        "Origin": "http://localhost:8888",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key,anthropic-version",
        "Access-Control-Request-Private-Network": "true",
    }
    before = requests.options(server.url + PATHS[0], headers=asked, timeout=5)
    assert before.status_code == 204 and before.headers["access-control-allow-origin"] == "*"
    assert before.headers["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
    assert "POST" in before.headers["access-control-allow-methods"]
    assert before.headers["access-control-allow-private-network"] == "true"
    page = {**HEADERS, "Origin": "http://localhost:8888"}
    refused = requests.post(server.url + PATHS[0], headers=page, json=BODY, timeout=5)
    assert refused.status_code == 401 and "dangerous-direct-browser-access" in refused.json()["error"]["message"]
    page["anthropic-dangerous-direct-browser-access"] = "true"
    found = requests.post(server.url + PATHS[0], headers=page, json=BODY, timeout=5)
    assert found.status_code == 200 and found.headers["access-control-allow-origin"] == "*"
    assert "request-id" in found.headers["access-control-expose-headers"]
    chat = requests.post(server.url + PATHS[1], headers={**HEADERS, "Origin": "x"}, json=BODY, timeout=5)
    assert chat.status_code == 200 and "x-request-id" in chat.headers["access-control-expose-headers"]


# Many at once, and no stalls


def test_two_hundred_requests_at_the_same_time() -> None:
    """All 200 are in work at once: none is answered before the last has arrived."""
    crowd = 200
    together, begin = threading.Barrier(crowd, timeout=60), threading.Barrier(crowd, timeout=60)
    with serve(latency=1, sleep=lambda _: together.wait()) as server:
        found: list[Any] = []

        def one(number: int) -> None:
            try:
                begin.wait()
                found.append(ask(server, PATHS[number % 2], stream=number % 4 > 1).status_code)
            except Exception as error:
                found.append(repr(error))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(crowd)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [200] * crowd
        assert server.model.requests_seen == crowd


@pytest.mark.parametrize("stream", [False, True])
def test_no_stall_on_a_kept_connection(server: LocalServer, stream: bool) -> None:
    """With Nagle's algorithm every call after the first takes at least 40 ms."""
    session, seconds = requests.Session(), []
    for _ in range(12):
        start = time.perf_counter()
        assert ask(server, session=session, stream=stream, max_tokens=20).status_code == 200
        seconds.append(time.perf_counter() - start)
    assert min(seconds[1:]) < 0.035


# Broken and hostile clients


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HELLO\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"BREW /v1/messages HTTP/1.1\r\n\r\n", 501),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 401),
        (post_head("ten"), 400),
        (post_head(-1), 400),
        (post_head("1_0"), 400),
        (post_head(3, "content-length: 4"), 400),
        (post_head(3, "transfer-encoding: chunked"), 400),
        (post_head(None, "transfer-encoding: gzip"), 501),
        (post_head(None, "transfer-encoding: chunked") + b"zz\r\n", 400),
        (post_head(None, "transfer-encoding: chunked") + b"3\r\nabcdef\r\n0\r\n\r\n", 400),
        (post_head(None, "transfer-encoding: chunked") + b"-3\r\nabc\r\n", 400),
        (post_head(2) + b"\xff\xfe", 400),
        (post_head(None), 400),
    ],
)
def test_a_malformed_request_gets_an_error_as_json(
    server: LocalServer, data: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    found, headers, body = raw(server, data)
    assert found == status and json.loads(body)["error"]["message"]
    assert "request-id" in headers or "x-request-id" in headers
    assert ask(server).status_code == 200
    assert capfd.readouterr() == ("", "")


def test_a_chunked_request_is_read(server: LocalServer) -> None:
    body = json.dumps(BODY).encode()
    parts = (body[i : i + 10] for i in range(0, len(body), 10))
    found = requests.post(server.url + PATHS[0], headers=HEADERS, data=parts, timeout=5)
    assert found.status_code == 200


def test_two_requests_in_one_packet_get_two_answers(server: LocalServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\nconnection: close\r\n\r\n")
        said = b""
        while part := connection.recv(2**16):
            said += part
    assert said.count(b"HTTP/1.1 200 OK") == 2


def test_a_half_sent_body_is_given_up() -> None:
    with serve(patience=0.2) as server:
        status, _, body = raw(server, post_head(100) + b'{"model"')
        assert status == 408 and json.loads(body)["error"]["type"] == "timeout_error"
        status, _, body = raw(server, post_head(100) + b'{"model"', half=True)
        assert status == 400 and "8 of 100 bytes" in json.loads(body)["error"]["message"]
        status, _, _ = raw(server, post_head(None, "transfer-encoding: chunked") + b"5\r\nab")
        assert status == 408
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as silent:
            silent.sendall(b"POST /v1/messages HTTP/1.1\r\nhost:")
            assert silent.recv(10) == b""  # half a head: closed
        assert ask(server).status_code == 200


def test_a_body_that_trickles_in_is_given_up() -> None:
    """The time counts for the whole body: a byte now and then does not keep a thread for ever."""
    with serve(patience=0.3) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as slow:
        slow.sendall(post_head(10_000))
        slow.settimeout(0.02)
        said, end = b"", time.monotonic() + 5
        while not said and time.monotonic() < end:
            slow.sendall(b" ")
            try:
                said = slow.recv(1000)
            except TimeoutError:
                pass
        assert said.startswith(b"HTTP/1.1 408 ")


def test_fifty_megabytes_get_413(server: LocalServer) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 2**20

    sized = requests.post(server.url + PATHS[0], headers=HEADERS, data=b"x" * (50 * 2**20), timeout=30)
    assert (sized.status_code, sized.json()["error"]["type"]) == (413, "request_too_large")
    assert sized.json()["request_id"] == sized.headers["request-id"]
    chunked = requests.post(server.url + PATHS[1], headers=HEADERS, data=blocks(), timeout=30)
    assert chunked.status_code == 413 and set(chunked.json()["error"]) == {"message", "type", "param", "code"}
    blunt = raw(server, post_head(50 * 2**20) + b"x" * (50 * 2**20))  # sends all before it reads anything
    assert blunt[0] == 413
    assert ask(server).status_code == 200


def test_413_comes_before_the_body(server: LocalServer) -> None:
    """So it is not read into memory: the client has sent none of it yet."""
    for lines in ((), ("expect: 100-continue",)):
        assert raw(server, post_head(50 * 2**20, *lines))[0] == 413


def test_a_client_that_waits_for_100_continue(server: LocalServer) -> None:
    body = json.dumps(BODY).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(post_head(len(body), "expect: 100-continue", "connection: close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_leaves_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WATCH", 0.01)
    with serve(rate_limit=1, faults=["timeout"]) as server:
        with pytest.raises(requests.ReadTimeout):
            requests.post(server.url + PATHS[0], headers=HEADERS, json=BODY, timeout=0.1)
        end = time.monotonic() + 5
        while (status := ask(server).status_code) == 429 and time.monotonic() < end:
            time.sleep(0.02)
        assert status == 200


def test_a_bug_is_a_500_and_not_a_hang(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server.model, "handle", lambda *_: 1 // 0)
    answer = ask(server)
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "api_error")
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.parametrize("sizes", [["5"], ["5", "5"], ["5, 5"], ["9" * 30], ["²"]])
def test_declared_length(sizes: list[str]) -> None:
    headers = http.client.HTTPMessage()
    for size in sizes:
        headers["content-length"] = size
    if len(set(sizes)) == 1 and sizes[0] == "5":
        assert declared(headers, 10) == 5
    else:
        with pytest.raises(BadBody):
            declared(headers, 10)


# Starting and stopping


def test_stop_closes_idle_connections_and_frees_the_port() -> None:
    server = serve()
    session = requests.Session()
    ask(server, session=session)
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 1.5
    with pytest.raises(requests.ConnectionError):
        ask(server, session=session)
    server.stop()  # twice is fine
    with serve(server.port) as again:
        assert again.port == server.port and ask(again).status_code == 200


def test_stop_lets_a_request_in_work_finish() -> None:
    begun, found = threading.Event(), []

    def wait(_: float) -> None:
        begun.set()
        time.sleep(0.2)

    server = serve(latency=1, sleep=wait)
    thread = threading.Thread(target=lambda: found.append(ask(server)))
    thread.start()
    assert begun.wait(10)
    server.stop(grace=10)
    thread.join()
    assert found[0].status_code == 200 and found[0].headers["connection"] == "close"


def test_stop_does_not_wait_for_a_request_that_hangs() -> None:
    server, found = serve(faults=["timeout"]), []

    def hang() -> None:
        try:
            ask(server)
        except requests.ConnectionError as error:
            found.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while not server.model.requests_seen:
        time.sleep(0.01)
    start = time.monotonic()
    server.stop(grace=0.1)
    assert time.monotonic() - start < 2
    thread.join(5)
    assert found


def test_a_shared_model_and_its_switches() -> None:
    model = CourseModel()
    with serve(model=model, faults=["500"]) as server:
        assert ask(server).status_code == 500 and server.model is model
        model.change(faults=["529"])
        assert ask(server).status_code == 529
    with pytest.raises(TypeError, match="no switch"):
        serve(colour=1)


def test_who_reaches_an_address() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org", "")))


def test_a_browser_opens_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(RuntimeError, match="connect"):
        serve()


def test_no_key_shows(server: LocalServer, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "sk-planted-key-0123456789"
    headers = {**HEADERS, "x-api-key": secret, "Authorization": f"Bearer {secret}"}
    answers = [requests.post(server.url + path, headers=headers, json=BODY, timeout=5) for path in (*PATHS, "/v1/no")]
    answers.append(requests.post(server.url + PATHS[0], headers={**headers, "content-length": "x"}, timeout=5))
    shown = "".join(str(answer.headers) + answer.text for answer in answers) + repr(server) + str(vars(server.model))
    assert secret not in shown + "".join(capfd.readouterr())


# The command


def start(root: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "cai_helpers", "serve", "--port", "0", *options]
    program = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout
    said = "".join(program.stdout.readline() for _ in range(3))
    return program, re.findall(r"base_url=\"(http://\S+?)\"", said)[0]


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_command_serves_until_a_signal(root: Path, name: str) -> None:
    program, url = start(root, "--faults", "429,none", "--seed", "3", "--pace", "0.001", "--latency", "0.001,0.002")
    try:
        statuses = [requests.post(url + p, headers=HEADERS, json=BODY, timeout=10).status_code for p in PATHS]
        assert statuses == [429, 200]
        program.send_signal(getattr(signal, name))
        out, err = program.communicate(timeout=20)
    finally:
        program.kill()
    assert (program.returncode, out, err) == (0, "", "")


def test_the_command_warns_before_it_lets_others_in(root: Path) -> None:
    program, url = start(root, "--host", "0.0.0.0")
    try:
        assert requests.get(url + "/health", timeout=10).status_code == 200
    finally:
        program.kill()
        _, err = program.communicate(timeout=20)
    assert err.startswith("Warning: 0.0.0.0 can be reached from other computers")


def test_the_command_says_what_is_wrong(server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
    from cai_helpers.__main__ import main

    wrong = [
        (["--port", str(server.port)], 1, "Choose another --port"),
        (["--port", "70000"], 1, "Choose another --port"),
        (["--faults", "429,777"], 2, "the known ones are"),
        (["--latency", "soon"], 2, "--latency takes seconds"),
        (["--latency", "2,1"], 2, "latency must be"),
        (["--pace", "-1"], 2, "pace must be"),
    ]
    for options, status, words in wrong:
        assert main(["serve", *options]) == status
        assert words in capsys.readouterr().err
