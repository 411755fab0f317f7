from __future__ import annotations

import contextlib
import copy
import json
import logging
import multiprocessing
import os
import pickle
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.questions import HELPFUL
from rewardium.rewards.models.judge import Completion, Judge, JudgeError
from rewardium.rewards.models.openai_server import OpenAIServerJudge

pytest.importorskip("openai")


class Server(ThreadingHTTPServer):
    """Speaks OpenAI's protocol over real sockets, and misbehaves where a prompt or the test says so."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.models = ["served-model"]
        self.has_chat = self.has_completions = True
        self.takes_lists = True
        self.behaviour = "well"
        self.requests = []
        self.keys = set()
        self.lock = threading.Lock()
        self.connections = set()
        self.under_way = self.most_under_way = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some tests are about

    def get_request(self):
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def stop(self):
        self.may_answer.set()
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def reply(self, status, body, kind="application/json"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def refuse(self, status, message):
        self.reply(status, {"error": {"message": message, "type": "error", "code": status}})

    def do_GET(self):
        self.server.keys.add(self.headers["Authorization"])
        if self.path != "/v1/models":
            return self.refuse(404, "no such path")
        self.reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.models]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.requests.append((self.path, request))
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            server.may_answer.wait(60)
            if self.path.endswith("/batch") or isinstance(request.get("prompt"), list):
                self.answer_list(request, chat=self.path == "/v1/chat/completions/batch")
            else:
                self.answer(request, chat=self.path == "/v1/chat/completions")
        finally:
            with server.lock:
                server.under_way -= 1

    def answer(self, request, chat):
        server = self.server
        if not (server.has_chat if chat else server.has_completions and self.path == "/v1/completions"):
            return self.refuse(400 if chat else 404, "there is no chat template" if chat else "no such path")
        if request["model"] not in server.models:
            return self.refuse(404, f"The model {request['model']!r} does not exist.")
        prompt = request["messages"][0]["content"] if chat else request["prompt"]
        behaviour = prompt.removeprefix("do ") if prompt.startswith("do ") else server.behaviour
        usage = {"prompt_tokens": len(prompt), "completion_tokens": 1, "total_tokens": len(prompt) + 1}
        self.behave(behaviour, [choice(0, chat)], usage)

    def answer_list(self, request, chat):
        """Answer all prompts in one response; one that misbehaves spoils it, as far as it would spoil its own."""
        server = self.server
        if not server.takes_lists or not (server.has_chat if chat else server.has_completions):
            return self.refuse(404 if chat else 400, "no lists here")
        if request["model"] not in server.models:
            return self.refuse(404, f"The model {request['model']!r} does not exist.")
        prompts = [messages[0]["content"] for messages in request["messages"]] if chat else request["prompt"]
        asked = [prompt.removeprefix("do ") for prompt in prompts if prompt.startswith("do ")]
        choices = [choice(index, chat) for index in range(len(prompts))]
        for index, prompt in enumerate(prompts):
            if prompt in ("do no text", "do number"):
                choices[index] |= {"message": {"content": None}, "text": None}
        usage = {"prompt_tokens": sum(map(len, prompts)), "completion_tokens": len(prompts)}
        spoils = [one for one in asked if one not in ("no text", "number")]
        self.behave(spoils[0] if spoils else server.behaviour, choices[::-1], usage)

    def behave(self, behaviour, choices, usage):
        body = {"id": "1", "object": "completion", "created": 1, "model": "m", "choices": choices, "usage": usage}
        match behaviour:
            case "well":
                self.reply(200, body)
            case "echo":
                choices[0]["message"]["content"] = "x" * 100_000
                self.reply(200, body)
            case "fail" | "overload" | "refuse" | "forbid":
                self.refuse({"fail": 500, "overload": 429, "refuse": 400, "forbid": 401}[behaviour], "as you wish")
            case "hang up":
                self.close_connection = True
                self.connection.close()
            case "half":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.close_connection = True
            case "garbage":
                self.reply(200, b"{]]]<<<>>>\xff")
            case "page":
                self.reply(200, b"<html>Welcome</html>", "text/html")
            case "list":
                self.reply(200, [1, 2, 3])
            case "no choices":
                self.reply(200, {**body, "choices": []})
            case "two choices":
                self.reply(200, {**body, "choices": choices * 2})
            case "odd choices":
                self.reply(200, {**body, "choices": {"text": "helpful"}})
            case "odd numbers":
                self.reply(200, {**body, "choices": [{**one, "index": [0]} for one in choices]})
            case "one number":
                self.reply(200, {**body, "choices": [{**one, "index": 0} for one in choices]})
            case "no text":
                self.reply(200, {**body, "choices": [{**one, "message": {}, "text": None} for one in choices]})
            case "number":
                self.reply(200, {**body, "choices": [{**one, "message": {"content": 7}, "text": 7} for one in choices]})
            case "odd usage":
                self.reply(200, {**body, "usage": {"prompt_tokens": -5, "completion_tokens": "many"}})
            case "no usage":
                self.reply(200, {key: value for key, value in body.items() if key != "usage"})
            case _:
                raise AssertionError(behaviour)


def choice(index, chat):
    if chat:
        return {"index": index, "message": {"role": "assistant", "content": "helpful"}}
    return {"index": index, "text": "helpful", "finish_reason": "stop", "logprobs": None}


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def build(server):
    built = []

    def build(**arguments):
        built.append(OpenAIServerJudge(server.url, **{"timeout": 30.0, **arguments}))
        return built[-1]

    yield build
    for judge in built:
        judge.close()


ENDPOINTS = pytest.mark.parametrize("endpoint", ["chat", "completions"])
LISTS = pytest.mark.parametrize("takes_lists", [True, False])


@ENDPOINTS
def test_both_endpoints(server, build, endpoint):
    judge = build(endpoint=endpoint)
    assert isinstance(judge, Judge)
    assert [judge.complete([prompt]) for prompt in ("one", "three")] == [
        [Completion("helpful", 3, 1)],
        [Completion("helpful", 5, 1)],
    ]
    assert judge.name == f"served-model#{endpoint}"
    assert judge.complete([]) == []
    assert len(server.requests) == 2
    for path, request in server.requests:
        assert path == ("/v1/chat/completions" if endpoint == "chat" else "/v1/completions")
        assert (request["model"], request["temperature"], request["max_tokens"]) == ("served-model", 0, 8)


@ENDPOINTS
def test_many_prompts_go_in_few_requests(server, build, endpoint):
    judge = build(endpoint=endpoint, concurrency=4, choice=("helpful", "not"))
    prompts = ["prompt"] * 9 + ["longer"]
    answers = judge.complete(prompts)
    assert [answer.text for answer in answers] == ["helpful"] * 10
    assert sum(answer.prompt_tokens for answer in answers) == 60
    assert [answer.completion_tokens for answer in answers] == [1] * 10
    assert len(server.requests) == 3
    for path, request in server.requests:
        assert path == ("/v1/chat/completions/batch" if endpoint == "chat" else "/v1/completions")
        assert (request["model"], request["temperature"], request["max_tokens"]) == ("served-model", 0, 8)
        assert request["structured_outputs"] == {"choice": ["helpful", "not"]}
        assert len(request["messages" if endpoint == "chat" else "prompt"]) in (4, 2)


def test_the_tokens_of_a_list_are_shared_evenly(build):
    answers = build(endpoint="chat").complete(["one", "three", "four"])
    assert [answer.prompt_tokens for answer in answers] == [4, 4, 4]
    answers = build(endpoint="chat").complete(["one", "seven"] * 2 + ["x"])
    assert [answer.prompt_tokens for answer in answers] == [4, 4, 3, 3, 3]


@ENDPOINTS
def test_a_server_that_takes_no_lists_is_asked_once_about_them(server, build, endpoint):
    server.takes_lists = False
    judge = build(endpoint=endpoint)
    for _ in range(3):
        assert [answer.text for answer in judge.complete(["one", "two", "three"])] == ["helpful"] * 3
    assert len(server.requests) == 1 + 3 * 3


@pytest.mark.parametrize("behaviour", ["odd numbers", "one number"])
def test_an_answer_that_does_not_fit_the_list_is_not_used(server, build, behaviour):
    server.behaviour = behaviour  # alone, nobody looks at the number
    judge = build(endpoint="chat")
    assert None not in judge.complete(["one", "two"])
    assert len(server.requests) == 3
    assert None not in judge.complete(["one", "two"])
    assert len(server.requests) == 5


def test_one_bad_prompt_does_not_end_lists(server, build):
    judge = build(endpoint="chat")
    assert [answer is None for answer in judge.complete(["one", "do refuse"])] == [False, True]
    assert len(server.requests) == 3
    assert None not in judge.complete(["one", "two", "three"])
    assert len(server.requests) == 4
    assert [answer is None for answer in judge.complete(["one", "do number", "two"])] == [False, True, False]
    assert len(server.requests) == 5


def test_trouble_with_a_list_does_not_end_lists(server, build):
    judge = build(endpoint="chat")
    server.behaviour = "overload"
    with pytest.raises(JudgeError):
        judge.complete(["one", "two"])
    server.behaviour = "well"
    assert None not in judge.complete(["one", "two"])
    assert len(server.requests) == 4


def test_a_model_with_a_template_is_asked_by_chat(server, build):
    judge = build()
    assert judge.name == "served-model#chat"
    assert judge.complete(["one"])[0].text == "helpful"
    assert [path for path, _ in server.requests] == ["/v1/chat/completions"] * 2  # the first one tries it out


def test_a_base_model_is_asked_by_completions(server, build):
    server.has_chat = False
    judge = build()
    assert judge.complete(["one"])[0].text == "helpful"
    assert judge.name == "served-model#completions"


def test_what_changes_answers_is_in_the_name(build):
    judge = build(model="m", endpoint="chat", choice=("yes", "no"), thinking=False, max_tokens=20)
    assert judge.name == "m#chat&choice=yes|no&no_thinking&max_tokens=20"


def test_choices_and_thinking_are_passed_on(server, build):
    for endpoint in ("chat", "completions"):
        judge = build(endpoint=endpoint, choice=("yes", "no"), thinking=False)
        judge.complete(["one"])
        judge.complete(["one", "two"])
    assert [request["structured_outputs"] for _, request in server.requests] == [{"choice": ["yes", "no"]}] * 4
    thoughts = [request.get("chat_template_kwargs") for _, request in server.requests]
    assert thoughts == [{"enable_thinking": False}] * 2 + [None] * 2


def test_the_key_comes_from_the_environment(server, build, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert build().name
    monkeypatch.delenv("OPENAI_API_KEY")
    assert build().name
    assert server.keys == {"Bearer secret", "Bearer none"}


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(build, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert build().name == "served-model#chat"


SINGLE = ["refuse", "no choices", "two choices", "odd choices", "no text", "number", "page", "list"]
TROUBLE = ["fail", "overload", "forbid", "hang up", "half", "garbage"]


@ENDPOINTS
@LISTS
@pytest.mark.parametrize("behaviour", SINGLE + TROUBLE)
def test_one_bad_answer_leaves_the_others(server, build, endpoint, takes_lists, behaviour):
    server.takes_lists = takes_lists
    judge = build(endpoint=endpoint)
    answers = judge.complete(["fine", f"do {behaviour}", "good"])
    assert [answer and answer.text for answer in answers] == ["helpful", None, "helpful"]


@LISTS
@pytest.mark.parametrize("behaviour", TROUBLE)
def test_a_server_in_trouble_is_an_error(server, build, takes_lists, behaviour):
    server.takes_lists = takes_lists
    judge = build(endpoint="chat", concurrency=2)
    server.behaviour = behaviour
    with pytest.raises(JudgeError, match="fails"):
        judge.complete(["prompt"] * 20)
    assert len(server.requests) <= 3  # the rest of the batch is not sent, and nothing is retried behind our back
    server.behaviour = "well"
    assert None not in judge.complete(["prompt"] * 20)


@pytest.mark.parametrize("behaviour", SINGLE)
def test_a_server_that_answers_nothing_usable_is_there(server, build, behaviour):
    server.behaviour = behaviour
    assert build(endpoint="completions").complete(["a", "b"]) == [None, None]


@pytest.mark.parametrize("behaviour", ["odd usage", "no usage"])
def test_tokens_that_are_not_told_count_nothing(build, behaviour):
    assert build(endpoint="chat").complete([f"do {behaviour}"]) == [Completion("helpful", 0, 0)]


def test_a_long_answer_is_cut(build):
    assert len(build(endpoint="chat").complete(["do echo"])[0].text) == 4_000


def test_a_server_that_hangs_runs_into_the_time_limit(server, build):
    judge = build(endpoint="chat", model="served-model", timeout=0.2, concurrency=4)
    server.may_answer.clear()
    with pytest.raises(JudgeError, match="Timeout"):
        judge.complete(["prompt"] * 50)
    server.may_answer.set()


def test_requests_at_once_are_bounded_over_all_callers(server, build):
    server.takes_lists = False
    judge = build(endpoint="chat", concurrency=5)
    judge.complete(["one", "two"])
    server.requests.clear()
    server.may_answer.clear()
    callers = [threading.Thread(target=judge.complete, args=(["prompt"] * 10,)) for _ in range(3)]
    for caller in callers:
        caller.start()
    waiting = threading.Event()
    while server.under_way < 5:
        waiting.wait(0.01)
    waiting.wait(0.2)
    server.may_answer.set()
    for caller in callers:
        caller.join(60)
    assert server.most_under_way == 5
    assert len(server.requests) == 30


def test_prompts_at_once_are_bounded_over_all_callers(server, build):
    judge = build(endpoint="chat", concurrency=5)
    assert judge.name
    server.may_answer.clear()
    callers = [threading.Thread(target=judge.complete, args=(["prompt"] * size,)) for size in (3, 3, 2, 1, 7)]
    for caller in callers:
        caller.start()
    waiting = threading.Event()
    waiting.wait(0.3)
    assert sum(len(request["messages"]) for _, request in server.requests) <= 5
    server.may_answer.set()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()


def test_no_server_at_all_and_then_a_server():
    server = Server()
    port, url = server.server_address[1], server.url
    server.stop()
    judge = OpenAIServerJudge(url)
    with pytest.raises(JudgeError, match="Connect"):
        assert judge.name
    with pytest.raises(JudgeError, match="Connect"):
        judge.complete(["prompt"])
    assert OpenAIServerJudge(url, model="m", endpoint="chat").name == "m#chat"
    server = Server(port)
    assert judge.complete(["prompt"])[0].text == "helpful"
    assert judge.name == "served-model#chat"
    server.stop()
    judge.close()


def test_another_model_after_a_restart_is_no_silent_change(server, build):
    judge = build()
    assert judge.complete(["prompt"])[0]
    server.models = ["other-model"]
    with pytest.raises(JudgeError, match="does not exist"):
        judge.complete(["prompt"])


@pytest.mark.parametrize("models", [[], [""]])
def test_a_server_without_a_model(server, build, models):
    server.models = models
    with pytest.raises(JudgeError, match="lists no model"):
        build().complete(["prompt"])


def test_close_aborts_what_is_under_way(server, build):
    judge = build(endpoint="chat", model="served-model")
    server.may_answer.clear()
    errors = []

    def ask():
        try:
            judge.complete(["prompt"] * 3)
        except JudgeError as error:
            errors.append(str(error))

    asker = threading.Thread(target=ask)
    asker.start()
    waiting = threading.Event()
    while server.under_way < 1:
        waiting.wait(0.01)
    judge.close()
    judge.close()
    asker.join(30)
    assert not asker.is_alive()
    assert "closed" in errors[0]
    with pytest.raises(JudgeError, match="closed"):
        judge.complete(["prompt"])
    assert not [thread for thread in threading.enumerate() if thread.name == "judge-server"]


def test_a_judge_is_a_value(build):
    judge = build(model="m", choice=["yes", "no"])
    copied = pickle.loads(pickle.dumps(judge))  # noqa: S301
    assert copied == judge == copy.deepcopy(judge)
    assert hash(copied) == hash(judge)
    assert copied.choice == ("yes", "no")
    judge.close()
    assert copied._connection is not judge._connection
    copied.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "localhost:8000"}, "must look like"),
        ({"url": "ftp://localhost/v1"}, "must look like"),
        ({"url": "http:///v1"}, "must look like"),
        ({"url": "http://host:99999/v1"}, "must look like"),
        ({"url": "http://host:x/v1"}, "must look like"),
        ({"url": "http://host/v1?key=1"}, "must look like"),
        ({"url": "http://[::1/v1"}, "must look like"),
        ({"url": "http://me:secret@host/v1"}, "OPENAI_API_KEY"),
        ({"endpoint": "embeddings"}, "endpoint"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"concurrency": 0}, "concurrency"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(RewardiumError, match=message) as caught:
        OpenAIServerJudge(**{"url": "http://localhost:8000/v1", **arguments})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://host:1", "http://host:1/", "http://host:1/v1", "http://host:1/v1/"])
def test_the_usual_path_is_added(url):
    assert OpenAIServerJudge(url).url == "http://host:1/v1"


def ask_as_child(judge, results):
    results.put([answer.text for answer in judge.complete(["a", "b"])])
    judge.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX")
def test_a_forked_process_has_a_connection_of_its_own(server, build):
    judge = build()
    assert judge.complete(["prompt"])[0]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=ask_as_child, args=(judge, results)) for _ in range(3)]
    for child in children:
        child.start()
    assert [results.get(timeout=60) for _ in children] == [["helpful", "helpful"]] * 3
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert judge.complete(["prompt"])[0]


def test_an_annotator_outlives_its_server(tmp_path, caplog):
    server = Server()
    port = server.server_address[1]
    annotator = Annotator(HELPFUL, server.url, cache=tmp_path / "labels.sqlite", retry_seconds=0.05)
    annotator.labels([("one",)])
    assert annotator.wait(60)
    assert annotator.labels([("one",)]) == [1.0]
    server.stop()
    assert annotator.labels([("two",)]) == [None]
    waiting = threading.Event()
    while annotator.statistics.failures < 2:
        waiting.wait(0.01)
    assert annotator.labels([("one",), ("two",)]) == [1.0, None]
    server = Server(port)
    assert annotator.wait(60)
    assert annotator.labels([("one",), ("two",)]) == [1.0, 1.0]
    annotator.close()
    server.stop()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
