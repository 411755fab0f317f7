"""A judge of frames behind a server, asked over real sockets."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
import math
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.frame_judge import make_frame_judge
from rewardium.rewards.models.frame_questions import YES_NO, better_than_reference, shows_goal
from rewardium.rewards.models.frame_server import FrameServerJudge
from rewardium.rewards.models.judge import JudgeError

pytest.importorskip("openai")
PIL_Image = pytest.importorskip("PIL.Image")


class Server(ThreadingHTTPServer):
    """Answers by the brightness of the last picture, with logprobs; or misbehaves as the test says."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour, self.requests, self.lock = "well", [], threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def reply(self, status, body):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self):
        self.reply(200, {"object": "list", "data": [{"id": "vision", "object": "model"}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(request)
        behaviour = self.server.behaviour
        if behaviour in ("refuses", "breaks"):
            return self.reply(400 if behaviour == "refuses" else 500, {"error": {"message": behaviour}})
        if behaviour == "garbage":
            return self.reply(200, b"[1, 2")
        bright = pictures_of(request)[-1].mean() / 255
        self.reply(200, answer(behaviour, bright))


def pictures_of(request):
    found = []
    for part in request["messages"][0]["content"]:
        if part["type"] == "image_url":
            raw = base64.b64decode(part["image_url"]["url"].removeprefix("data:image/png;base64,"))
            with PIL_Image.open(io.BytesIO(raw)) as image:
                found.append(np.asarray(image))
    return found


def token(word, *alternatives):
    listed = [{"token": text, "logprob": value, "bytes": None} for text, value in alternatives]
    return {"token": word, "logprob": alternatives[0][1], "bytes": None, "top_logprobs": listed}


def answer(behaviour, bright):
    words = [("Yes", math.log(0.5 * bright + 1e-9)), (" yes", math.log(0.25 * bright + 1e-9)), ("No", math.log(0.2))]
    place = token("Yes" if bright > 0.3 else "No", *words)
    content = {
        "well": [place],
        "blank first": [token("\n\n", ("\n\n", 0.0)), place],
        "neither": [token("Maybe", ("Maybe", -0.1), *words)],
        "odd": [{"token": "yes", "logprob": -1.0, "bytes": None, "top_logprobs": [{"token": "no", "logprob": -9e9}]}],
    }.get(behaviour)
    choice = {
        "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes, it is"},
        "logprobs": None if content is None else {"content": content},
    }  # fmt: skip
    choices = [] if behaviour == "no choice" else [choice]
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "vision", "choices": choices}


@pytest.fixture
def server():
    started = Server()
    yield started
    started.shutdown()
    started.server_close()


@pytest.fixture
def judge(server):
    opened = make_frame_judge(server.url)
    yield opened
    opened.close()


def grey(value):
    return np.full((5, 7, 3), value, dtype=np.uint8)


def test_pictures_go_as_png_and_logprobs_come_back_as_probabilities(server, judge):
    assert judge.name == "vision#frames"
    questions = [better_than_reference("a bright room", grey(40), grey(value)) for value in (255, 102, 0)]
    answers = judge.choose(questions, YES_NO)
    np.testing.assert_allclose(answers[0], [0.75, 0.2], atol=1e-6)
    np.testing.assert_allclose(answers[1], [0.3, 0.2], atol=1e-6)
    np.testing.assert_allclose(answers[2], [0.0, 0.2], atol=1e-6)
    by_last = {int(pictures_of(request)[1][0, 0, 0]): request for request in server.requests}
    request = by_last[255]
    np.testing.assert_array_equal(pictures_of(request)[0], grey(40))
    np.testing.assert_array_equal(pictures_of(request)[1], grey(255))
    assert (request["logprobs"], request["top_logprobs"], request["temperature"]) == (True, 20, 0)
    assert "a bright room" in request["messages"][0]["content"][-1]["text"]
    assert judge.choose([], YES_NO) == []


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("blank first", [0.75, 0.2]),
        ("neither", None),
        ("no choice", None),
        ("refuses", None),
        ("odd", [math.exp(-1), 0.0]),
        ("without", [1.0, 0.0]),
    ],
)
def test_what_else_a_server_may_say(server, judge, behaviour, expected, caplog):
    server.behaviour = behaviour
    with caplog.at_level(logging.WARNING):
        (found,) = judge.choose([shows_goal("x", grey(255))], YES_NO)
    if expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert ("no logprobs" in caplog.text) == (behaviour == "without")


@pytest.mark.parametrize("behaviour", ["breaks", "garbage"])
def test_a_server_in_trouble_is_an_error(server, judge, behaviour):
    server.behaviour = behaviour
    with pytest.raises(JudgeError, match="fails"):
        judge.choose([shows_goal("x", grey(1))] * 3, YES_NO)


def test_a_server_that_is_not_there_and_a_closed_judge(server):
    judge = FrameServerJudge("http://127.0.0.1:9/v1", model="m", timeout=2.0)
    with pytest.raises(JudgeError, match="fails"):
        judge.choose([shows_goal("x", grey(1))], YES_NO)
    judge.close()
    with pytest.raises(JudgeError, match="closed"):
        judge.choose([shows_goal("x", grey(1))], YES_NO)


def test_copies_connect_anew(server, judge):
    question = [shows_goal("x", grey(255))]
    for other in (copy.deepcopy(judge), pickle.loads(pickle.dumps(judge))):  # noqa: S301
        assert other == judge
        np.testing.assert_allclose(other.choose(question, YES_NO), judge.choose(question, YES_NO))
        other.close()
    assert judge.choose(question, YES_NO)[0] is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "localhost"}, "must look like"),
        ({"timeout": 0.0}, "timeout"),
        ({"concurrency": 0}, "at least 1"),
        ({"max_tokens": 0}, "at least 1"),
    ],
)
def test_wrong_settings(settings, words):
    with pytest.raises(RewardiumError, match=words):
        FrameServerJudge(**{"url": "http://localhost:1", **settings})
